//! Probes the database and its standbys every second for as long as the server runs.

use std::{future::pending, time::Duration};

use futures_util::future::join_all;
use rowlock_migration::Difference;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, sqlx};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::{
    Availability, Database, Fault, Schema,
    fault::{driver_error, timeout_error},
    nodes::{Found, availability_of},
    replication::{IDENTITY, WalHistory, WalPosition},
    standby::PROBE_TIMEOUT,
};

const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// The same while the database takes no writes, so that people can book again soon after it does.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);
/// Shortest time between two probes, however often connections break.
const MIN_PROBE_INTERVAL: Duration = Duration::from_millis(100);
/// Longest time for another look at a database that takes no writes any more.
const ANOTHER_LOOK_TIMEOUT: Duration = Duration::from_secs(2);
/// A database is unreachable if this many connections in a row break while it is probed.
const PROBE_ATTEMPTS: u32 = 3;

impl Database {
    /// Probes the database once: what it can be used for, and why for no more than that. If
    /// `DATABASE_URL` names several nodes, and another one than before takes writes, that one is used
    /// from now on.
    pub(crate) async fn probe(&self) -> (Availability, String) {
        let Some(nodes) = self.nodes() else { return self.probe_used_node().await };
        let answers = |found| matches!(found, Availability::Full | Availability::NoSession);
        // A node that did not answer may be silent, and others must not wait for it.
        if answers(self.health().availability()) {
            let found = self.probe_used_node().await;
            if answers(found.0) {
                return found;
            }
        }
        match nodes.find_writable().await {
            Found::None(availability, cause) => return (availability, cause),
            Found::Used => {}
            Found::Other(index) => self.move_to(nodes, index),
        }
        self.probe_used_node().await
    }

    /// Probes the node in use.
    async fn probe_used_node(&self) -> (Availability, String) {
        let mark = self.probe_mark().id();
        let probing = async {
            match self.backend() {
                DbBackend::Postgres => self.probe_postgres().await,
                _ => self.probe_sqlite().await,
            }
        };
        let found = self.with_deadline(Instant::now() + PROBE_TIMEOUT, probing).await;
        let (availability, cause) = match found {
            Ok(found) => found,
            Err(error) if error == timeout_error() => {
                (Availability::Unreachable, self.cause_of_timeout().await)
            }
            Err(error) => (Availability::Unreachable, error.to_string()),
        };
        // Other connections may lead to the same database, or to the one before.
        let is_reconnected = !mark.is_nil() && self.probe_mark().id() != mark;
        if availability != Availability::Full || is_reconnected {
            self.trust().connection_broke();
        }
        if is_reconnected {
            self.health().reconnected();
        }
        (availability, cause)
    }

    /// Why the database did not answer in time. A pool does not say that its connections were refused,
    /// but tries again.
    async fn cause_of_timeout(&self) -> String {
        let refused = match self.every_node() {
            Some(nodes) => nodes.refusal().await,
            None => None,
        };
        refused.unwrap_or_else(|| format!("no answer within {} s", PROBE_TIMEOUT.as_secs()))
    }

    /// A connection that takes no writes any more may lead to another node than the address does by
    /// now, so the probe is made again on a new one. Where `DATABASE_URL` names several nodes, all of
    /// them are asked next anyway.
    async fn probe_postgres(&self) -> Result<(Availability, String), DbErr> {
        let mark = self.probe_mark().id();
        let found = self.probe_past_broken_connections().await?;
        let is_old = self.probe_mark().id() == mark;
        let takes_no_writes = matches!(found.0, Availability::ReadOnly | Availability::Standby);
        if !is_old || !takes_no_writes || self.nodes().is_some() {
            return Ok(found);
        }
        let deadline = Instant::now() + ANOTHER_LOOK_TIMEOUT;
        let again = self.with_deadline(deadline, self.try_probe_postgres()).await;
        Ok(again.unwrap_or(found))
    }

    /// A probe whose own connection broke says nothing about the database, so it is made again on a
    /// new one.
    async fn probe_past_broken_connections(&self) -> Result<(Availability, String), DbErr> {
        for _ in 1..PROBE_ATTEMPTS {
            match self.try_probe_postgres().await {
                Err(error) if Fault::of(&error) == Fault::Unreachable => {
                    self.trust().connection_broke();
                }
                found => return found,
            }
        }
        self.try_probe_postgres().await
    }

    async fn try_probe_postgres(&self) -> Result<(Availability, String), DbErr> {
        let pool = self.probe_connection().get_postgres_connection_pool();
        let mut connection = pool.acquire().await.map_err(driver_error)?;
        if self.health().take_refused_write() {
            // New sessions may take no writes, although older ones do.
            connection.close().await.map_err(driver_error)?;
            connection = pool.acquire().await.map_err(driver_error)?;
        }
        let others = self.messages()?.get_postgres_connection_pool();
        let found = match self.probe_mark().is_kept(&mut connection, others).await {
            Ok(true) => availability_of(&mut connection).await.map_err(driver_error)?,
            Ok(false) => (Availability::NoSession, String::new()),
            Err(error) => return Err(driver_error(error)),
        };
        if found.0 != Availability::Full {
            // The next probe connects anew.
            connection.close().await.map_err(driver_error)?;
        }
        Ok(found)
    }

    /// SQLite opens a file for reading if it can't open it for writing, and stays with that. So each
    /// probe opens the file anew.
    async fn probe_sqlite(&self) -> Result<(Availability, String), DbErr> {
        let pool = self.probe_connection().get_sqlite_connection_pool();
        let mut connection = pool.acquire().await.map_err(driver_error)?;
        // Nothing is stored, and nothing waits: a transaction that is running shows that writes are
        // possible.
        let write = "PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; PRAGMA user_version = 0; ROLLBACK";
        let written = sqlx::raw_sql(write).execute(&mut *connection).await.map_err(driver_error);
        connection.close().await.map_err(driver_error)?;
        match written {
            Ok(_) => Ok((Availability::Full, String::new())),
            Err(error) => match Fault::of(&error) {
                Fault::ReadOnly => {
                    Ok((Availability::ReadOnly, "its file can't be written".to_owned()))
                }
                Fault::SerializationFailure => Ok((Availability::Full, String::new())),
                _ => Err(error),
            },
        }
    }

    /// Probes the database every second, and sooner when a connection breaks or takes no writes.
    /// `name` is for the log.
    pub async fn watch_health(self, name: String) {
        loop {
            self.check_health(&name).await;
            let pause = match self.health().availability() {
                Availability::Full => PROBE_INTERVAL,
                _ => RETRY_INTERVAL,
            };
            sleep(MIN_PROBE_INTERVAL).await;
            let _ = timeout(pause - MIN_PROBE_INTERVAL, self.health().doubted()).await;
        }
    }

    /// Probes the database and its schema once; logs one line if the result differs from the last
    /// one.
    pub(crate) async fn check_health(&self, name: &str) {
        let (availability, cause) = self.probe().await;
        let previous = self.health().set_availability(availability);
        if availability != previous {
            // While it was read-only, connections needed not take writes to pass their tests.
            self.trust().connection_broke();
            log_availability(name, availability, &cause);
        }
        if !self.health().is_unreachable() {
            self.check_schema(name).await;
        }
    }

    async fn check_schema(&self, name: &str) {
        let found = timeout(PROBE_TIMEOUT, self.compare_migrations()).await;
        let schema = match &found {
            // Servers of this version go on while those of the next one start.
            Ok(Ok(Difference { missing: 0, .. })) => Schema::Complete,
            Ok(Ok(Difference { missing, .. })) => Schema::Pending(*missing),
            Ok(Err(_)) | Err(_) => Schema::Unknown,
        };
        let before = self.health().set_schema(schema);
        if before == schema {
            return;
        }
        match (schema, found) {
            (Schema::Pending(pending), _) => tracing::error!(
                "the database {name} lacks migrations ({pending}): run `rowlock migrate`"
            ),
            (Schema::Complete, _) if matches!(before, Schema::Pending(_)) => {
                tracing::info!("the database {name} has all migrations");
            }
            (Schema::Unknown, Ok(Err(error))) => {
                tracing::error!(%error, "the migrations of the database {name} can't be read");
            }
            (Schema::Complete | Schema::Unknown, _) => {}
        }
    }

    /// Checks every second which standbys are reachable and keep up with the primary. Waits forever
    /// if there is none.
    pub async fn watch_standbys(self) {
        let standbys = self.lists().standbys();
        if standbys.is_empty() {
            return pending().await;
        }
        let mut ticks = interval(PROBE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut history = WalHistory::default();
        let mut is_first = true;
        loop {
            ticks.tick().await;
            history.record(self.wal_position().await);
            self.required_wal().set(history.required());
            join_all(standbys.iter().map(|standby| standby.check(is_first))).await;
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

fn log_availability(name: &str, availability: Availability, cause: &str) {
    let Some(problem) = availability.problem() else {
        tracing::info!("the database {name} is back");
        return;
    };
    let cause = if cause.is_empty() { String::new() } else { format!(" ({cause})") };
    let who = match availability {
        Availability::ReadOnly => "whoever books or signs in gets",
        _ => "callers get",
    };
    tracing::error!(
        "the database {name} {problem}{cause}; {who} UNAVAILABLE, and the server tries again several \
         times a second"
    );
}
