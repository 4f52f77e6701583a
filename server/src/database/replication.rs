//! Whether a standby has replayed what its primary wrote some seconds ago.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection, Row};
use tokio::time::Instant;

/// A standby that lags further behind the primary is not used.
const MAX_LAG: Duration = Duration::from_secs(5);

/// An SQL expression that identifies a database: a primary and its standbys agree on its value.
pub(super) const IDENTITY: &str =
    "(SELECT system_identifier FROM pg_control_system()) || ' ' || current_database()";

/// The end of the primary's write-ahead log at one moment.
#[derive(Clone, Debug)]
pub(super) struct WalPosition {
    pub(super) at: Instant,
    /// The position, in PostgreSQL's `pg_lsn` notation.
    pub(super) lsn: String,
    pub(super) identity: String,
}

/// The primary's recent positions. A standby must have replayed the oldest of them.
#[derive(Debug, Default)]
pub(super) struct WalHistory(VecDeque<WalPosition>);

impl WalHistory {
    /// Adds a position and forgets those that are no longer needed.
    pub(super) fn record(&mut self, position: Option<WalPosition>) {
        self.0.extend(position);
        while self.0.get(1).is_some_and(|second| second.at.elapsed() >= MAX_LAG) {
            self.0.pop_front();
        }
    }

    /// The position that a standby must have replayed by now.
    pub(super) fn required(&self) -> Option<&WalPosition> {
        self.0.front()
    }
}

/// The position that a standby must have replayed by now. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct RequiredWal(Arc<Mutex<Option<WalPosition>>>);

impl RequiredWal {
    pub(super) fn set(&self, position: Option<&WalPosition>) {
        *self.0.lock() = position.cloned();
    }

    /// Why the node that a connection leads to can't be used; `None` if it can.
    ///
    /// # Errors
    /// The errors of the statement.
    pub(super) async fn shortfall_of(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Option<String>, sqlx::Error> {
        let (lsn, identity) =
            self.0.lock().clone().map(|position| (position.lsn, position.identity)).unzip();
        let sql = format!(
            "SELECT pg_is_in_recovery() AND to_regclass('events') IS NOT NULL, \
             coalesce({IDENTITY} = $2, true), \
             coalesce(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, true)"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(lsn).bind(identity);
        let row = query.fetch_one(connection).await?;
        let status = StandbyStatus {
            is_standby: row.try_get(0)?,
            is_of_primary: row.try_get(1)?,
            has_replayed: row.try_get(2)?,
        };
        Ok(status.check().err())
    }
}

/// The result of a standby's probe.
#[derive(Clone, Copy, Debug)]
struct StandbyStatus {
    is_standby: bool,
    is_of_primary: bool,
    has_replayed: bool,
}

impl StandbyStatus {
    /// # Errors
    /// The reason why the standby can't be used.
    fn check(self) -> Result<(), String> {
        if !self.is_standby {
            return Err("it is not a standby, or no longer one".to_owned());
        }
        if !self.is_of_primary {
            return Err("it is the standby of another database".to_owned());
        }
        if !self.has_replayed {
            return Err(format!("it is more than {} s behind", MAX_LAG.as_secs()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn position(lsn: &str) -> Option<WalPosition> {
        Some(WalPosition { at: Instant::now(), lsn: lsn.to_owned(), identity: "7 db".to_owned() })
    }

    #[tokio::test(start_paused = true)]
    async fn a_standby_must_have_replayed_what_the_primary_had_five_seconds_ago() {
        let mut history = WalHistory::default();
        assert!(history.required().is_none(), "nothing is required while nothing is known");
        let mut required = Vec::new();
        for second in 0..9 {
            history.record(position(&format!("0/{second}")));
            required.push(history.required().unwrap().lsn.clone());
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(required, ["0/0", "0/0", "0/0", "0/0", "0/0", "0/0", "0/1", "0/2", "0/3"]);
        // The primary writes nothing while it is away, so its last position stays required.
        advance(Duration::from_secs(60)).await;
        history.record(None);
        assert_eq!(history.required().unwrap().lsn, "0/8");
    }

    #[test]
    fn only_a_standby_of_this_primary_that_keeps_up_is_used() {
        let good = StandbyStatus { is_standby: true, is_of_primary: true, has_replayed: true };
        assert_eq!(good.check(), Ok(()));
        for (bad, cause) in [
            (StandbyStatus { is_standby: false, ..good }, "not a standby"),
            (StandbyStatus { is_of_primary: false, ..good }, "another database"),
            (StandbyStatus { has_replayed: false, ..good }, "behind"),
        ] {
            assert!(bad.check().unwrap_err().contains(cause), "{bad:?}");
        }
    }
}
