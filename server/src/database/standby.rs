//! A standby that answers what may be some seconds old, for as long as it is well.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{
    Database, Fault, Health, Reads,
    health::{PROBE_EVERY, PROBE_TIMEOUT},
    overdue,
    reads::Trust,
};

/// A standby that is further behind is not asked.
const MOST_BEHIND: Duration = Duration::from_secs(5);
/// Longest wait for its answer before the primary is asked, which may take its own time then.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// After it gave somebody no answer it is not asked for so long, whatever it says of itself.
const DOUBTED_FOR: Duration = Duration::from_secs(10);

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
    /// When it last gave no answer.
    pub(super) failed_at: Arc<Mutex<Option<Instant>>>,
    /// For the log.
    pub(super) name: String,
}

/// What a database is, whichever server has it: a primary and its standbys agree.
const IDENTITY: &str =
    "(SELECT system_identifier FROM pg_control_system()) || ' ' || current_database()";

/// What the primary said of itself.
struct Written {
    at: Instant,
    /// How far its log was stored, as PostgreSQL writes it.
    position: String,
    identity: String,
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
            answer = self.trust.finish_by(Instant::now() + ANSWER_WITHIN, work) => answer,
            () = self.health.goes_away() => return None,
        };
        match answer.unwrap_or_else(|| Err(overdue())) {
            Ok(answer) => Some(answer),
            Err(error) => {
                let is_gone = matches!(Fault::of(&error), Fault::Away | Fault::Busy);
                if is_gone {
                    *self.failed_at() = Some(Instant::now());
                    if !self.health.set_away(true) {
                        self.warn(&error.to_string());
                    }
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

    fn failed_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What keeps it from being asked, given what the primary had written and what it is.
    async fn probe(&self, primary: Option<&Written>) -> Result<(), String> {
        if self.failed_at().is_some_and(|failed| failed.elapsed() < DOUBTED_FOR) {
            return Err("it gave no answer a moment ago".to_owned());
        }
        let (position, identity) =
            primary.map(|written| (written.position.clone(), written.identity.clone())).unzip();
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            format!(
                "SELECT pg_is_in_recovery() AND to_regclass('events') IS NOT NULL AS is_standby, \
                 coalesce({IDENTITY} = $2, true) AS is_of_primary, \
                 coalesce(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, true) AS is_near"
            ),
            [position.into(), identity.into()],
        );
        let row = match timeout(PROBE_TIMEOUT, self.probe.query_one_raw(statement)).await {
            Ok(answer) => answer.map_err(|error| error.to_string())?.ok_or("it gave no row")?,
            Err(_) => return Err(format!("no answer within {} s", PROBE_TIMEOUT.as_secs())),
        };
        let is = |column| row.try_get::<bool>("", column).map_err(|error| error.to_string());
        if !is("is_standby")? {
            return Err("it is no standby, or not any more".to_owned());
        }
        if !is("is_of_primary")? {
            return Err("it is another database's standby".to_owned());
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
        // The first one is what the standby must have by now.
        let mut written: VecDeque<Written> = VecDeque::new();
        let mut is_known = false;
        loop {
            tick.tick().await;
            // While the primary is away it writes nothing.
            written.extend(self.written().await);
            while written.get(1).is_some_and(|later| later.at.elapsed() >= MOST_BEHIND) {
                written.pop_front();
            }
            let finding = standby.probe(written.front()).await;
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

    /// How far the primary's log is stored by now.
    async fn written(&self) -> Option<Written> {
        let sql =
            format!("SELECT pg_current_wal_flush_lsn()::text AS position, {IDENTITY} AS identity");
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let answer = timeout(PROBE_TIMEOUT, self.probe.query_one_raw(statement)).await.ok()?;
        let row = answer.ok()??;
        let (position, identity) = (row.try_get("", "position"), row.try_get("", "identity"));
        Some(Written { at: Instant::now(), position: position.ok()?, identity: identity.ok()? })
    }
}
