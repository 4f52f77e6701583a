//! Probes the database and its standby every second for as long as the server runs.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{
    Database, Schema,
    standby::{IDENTITY, PROBE_TIMEOUT, WalHistory, WalPosition},
};

const PROBE_INTERVAL: Duration = Duration::from_secs(1);

impl Database {
    /// Pings the database once.
    ///
    /// # Errors
    /// The reason why the database did not answer within three seconds.
    pub(crate) async fn ping(&self) -> Result<(), String> {
        match timeout(PROBE_TIMEOUT, self.probe_connection().ping()).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", PROBE_TIMEOUT.as_secs())),
        }
    }

    /// Probes the database every second. `name` is for the log.
    pub async fn watch_health(self, name: String) {
        let mut ticks = interval(PROBE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.check_health(&name).await;
        }
    }

    /// Probes the database and its schema once; logs one line if the result differs from the last
    /// one.
    pub(crate) async fn check_health(&self, name: &str) {
        let result = self.ping().await;
        let is_reachable = result.is_ok();
        let was_unreachable = self.health().set_unreachable(!is_reachable);
        match result {
            Err(cause) if !was_unreachable => tracing::error!(
                "the database {name} can't be reached ({cause}); callers get UNAVAILABLE, and the \
                 server tries again every second"
            ),
            Ok(()) if was_unreachable => tracing::info!("the database {name} is back"),
            _ => {}
        }
        if is_reachable {
            self.check_schema(name).await;
        }
    }

    async fn check_schema(&self, name: &str) {
        let schema = match timeout(PROBE_TIMEOUT, self.pending_migrations()).await {
            Ok(Ok(0)) => Schema::Complete,
            Ok(Ok(pending)) => Schema::Pending(pending),
            Ok(Err(_)) | Err(_) => Schema::Unknown,
        };
        if self.health().set_schema(schema) != schema
            && let Schema::Pending(pending) = schema
        {
            tracing::error!(
                "the database {name} is missing {pending} migrations: run `rowlock migrate`"
            );
        }
    }

    /// Checks every second whether the standby is reachable and keeps up with the primary. Waits
    /// forever if there is no standby.
    pub async fn watch_standby(self) {
        let Some(standby) = self.lists().standby() else { return std::future::pending().await };
        let mut ticks = interval(PROBE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut history = WalHistory::default();
        let mut is_first = true;
        loop {
            ticks.tick().await;
            history.record(self.wal_position().await);
            standby.check(history.required(), is_first).await;
            is_first = false;
        }
    }

    /// The position up to which the primary's write-ahead log is flushed; `None` if the primary
    /// does not answer.
    async fn wal_position(&self) -> Option<WalPosition> {
        let sql = format!("SELECT pg_current_wal_flush_lsn()::text AS lsn, {IDENTITY} AS identity");
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let answer = self.probe_connection().query_one_raw(statement);
        let row = timeout(PROBE_TIMEOUT, answer).await.ok()?.ok()??;
        let (lsn, identity) = (row.try_get("", "lsn"), row.try_get("", "identity"));
        Some(WalPosition { at: Instant::now(), lsn: lsn.ok()?, identity: identity.ok()? })
    }
}
