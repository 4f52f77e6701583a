//! A standby that answers what may be some seconds old, for as long as it is well.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{
    Database, Fault, Health, READ_WITHIN, Reads,
    health::{PROBE_EVERY, PROBE_TIMEOUT},
    overdue,
    reads::Trust,
};

/// A standby that is further behind is not asked.
const MOST_BEHIND: Duration = Duration::from_secs(5);

/// Where lists are read: at the standby while it is well, else at the primary. Clones share both.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    pub(super) standby: Option<Standby>,
    pub(super) primary: Reads,
}

#[derive(Clone, Debug)]
pub(super) struct Standby {
    pub(super) pool: DatabaseConnection,
    pub(super) trust: Trust,
    /// Nobody else uses it.
    pub(super) probe: DatabaseConnection,
    /// Away until it is known to be well.
    pub(super) health: Arc<Health>,
    /// For the log.
    pub(super) name: String,
}

impl Lists {
    /// Where the next statement is tried first, if not at the primary.
    fn well_standby(&self) -> Option<&Standby> {
        self.standby.as_ref().filter(|standby| !standby.health.is_away())
    }
}

impl Standby {
    /// What it answers, if it does. From the first who finds it gone, nobody waits for it.
    async fn ask<T>(&self, work: impl Future<Output = Result<T, DbErr>>) -> Option<T> {
        let answer = tokio::select! {
            biased;
            answer = self.trust.finish_by(Instant::now() + READ_WITHIN, work) => answer,
            () = self.health.goes_away() => return None,
        };
        match answer.unwrap_or_else(|| Err(overdue())) {
            Ok(answer) => Some(answer),
            Err(error) => {
                let is_gone = matches!(Fault::of(&error), Fault::Away | Fault::Busy);
                if is_gone && !self.health.set_away(true) {
                    self.warn(&error.to_string());
                }
                // What it has to replay can also be in the way of a statement.
                tracing::debug!(%error, "the standby gave no answer");
                None
            }
        }
    }

    fn warn(&self, cause: &str) {
        tracing::warn!(
            "the standby {} can't be used ({cause}); the primary answers lists, and the standby is tried \
             again every second",
            self.name
        );
    }

    /// What keeps it from being asked; `written` is how far the primary was.
    async fn probe(&self, written: Option<&str>) -> Result<(), String> {
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_is_in_recovery() AS is_standby, \
             coalesce(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, true) AS is_near",
            [written.map(str::to_owned).into()],
        );
        let row = match timeout(PROBE_TIMEOUT, self.probe.query_one_raw(statement)).await {
            Ok(answer) => answer.map_err(|error| error.to_string())?.ok_or("it gave no row")?,
            Err(_) => return Err(format!("no answer within {} s", PROBE_TIMEOUT.as_secs())),
        };
        let is = |column| row.try_get::<bool>("", column).map_err(|error| error.to_string());
        if !is("is_standby")? {
            return Err("it is no standby, or not any more".to_owned());
        }
        if !is("is_near")? {
            return Err(format!("it is more than {} s behind", MOST_BEHIND.as_secs()));
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Lists {
    fn get_database_backend(&self) -> DbBackend {
        self.primary.get_database_backend()
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        if let Some(standby) = self.well_standby()
            && let Some(row) = standby.ask(standby.pool.query_one_raw(statement.clone())).await
        {
            return Ok(row);
        }
        self.primary.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        if let Some(standby) = self.well_standby()
            && let Some(rows) = standby.ask(standby.pool.query_all_raw(statement.clone())).await
        {
            return Ok(rows);
        }
        self.primary.query_all_raw(statement).await
    }

    // What changes something has no place here, and would be the primary's.

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.primary.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.primary.execute_unprepared(sql).await
    }
}

impl Database {
    /// Looks every second whether the standby, if there is one, is there and not far behind, for as long as
    /// the server runs.
    pub async fn watch_standby(self) {
        let Some(standby) = &self.lists.standby else { return };
        let mut tick = interval(PROBE_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // How far the primary had written, and when. The first one is what the standby must have by now.
        let mut written: VecDeque<(Instant, String)> = VecDeque::new();
        let mut is_known = false;
        loop {
            tick.tick().await;
            // While the primary is away it writes nothing.
            written.extend(self.log_position().await.map(|position| (Instant::now(), position)));
            while written.get(1).is_some_and(|(since, _)| since.elapsed() >= MOST_BEHIND) {
                written.pop_front();
            }
            let position = written.front().map(|(_, position)| position.as_str());
            let finding = standby.probe(position).await;
            let was_away = standby.health.set_away(finding.is_err());
            match finding {
                Ok(()) if was_away => {
                    tracing::info!("the standby {} answers lists of events", standby.name);
                }
                Err(cause) if !was_away || !is_known => standby.warn(&cause),
                _ => {}
            }
            is_known = true;
        }
    }

    /// How far the primary's log is stored, as PostgreSQL writes it.
    async fn log_position(&self) -> Option<String> {
        let statement = Statement::from_string(
            DbBackend::Postgres,
            "SELECT pg_current_wal_flush_lsn()::text AS position",
        );
        let answer = timeout(PROBE_TIMEOUT, self.probe.query_one_raw(statement)).await.ok()?;
        answer.ok()??.try_get("", "position").ok()
    }
}
