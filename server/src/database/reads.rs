//! Statements that only read: they run again when they met a connection that had died, and end in
//! time when it is silent.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};
use tokio::time::{Instant, timeout_at};

use super::{Fault, Health, READ_WITHIN, away, overdue};

/// A connection that lay idle for longer is tried before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// After one broke, all are tried for so long when they come back.
const DOUBTED_FOR: Duration = Duration::from_secs(60);

/// Which idle connections are good without being tried, which would be one more round trip each time:
/// those that were used a moment ago, unless one broke since. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust(Arc<Mutex<Option<Instant>>>);

impl Trust {
    /// A connection broke, and others may have with it.
    pub(super) fn lost(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    pub(super) fn in_idle_for(&self, time: Duration) -> bool {
        time < TRUSTED_FOR && self.lost_since().is_none_or(|since| since > time)
    }

    /// Whether none broke lately.
    pub(super) fn in_all(&self) -> bool {
        self.lost_since().is_none_or(|since| since > DOUBTED_FOR)
    }

    /// What work comes to that is done by `deadline`; else its connection counts as broken, and that
    /// is known before the pool has it back.
    pub(super) async fn finish_by<F: Future>(
        &self,
        deadline: Instant,
        work: F,
    ) -> Option<F::Output> {
        let mut work = pin!(work);
        let result = timeout_at(deadline, &mut work).await.ok();
        if result.is_none() {
            self.lost();
        }
        result
    }

    fn lost_since(&self) -> Option<Duration> {
        let lost = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.map(|lost| lost.elapsed())
    }
}

/// The pool for reading. Clones share it.
#[derive(Clone, Debug)]
pub struct Reads {
    pool: DatabaseConnection,
    trust: Trust,
    health: Arc<Health>,
}

impl Reads {
    pub(super) fn new(pool: DatabaseConnection, trust: Trust, health: Arc<Health>) -> Self {
        Self { pool, trust, health }
    }

    /// For transactions, and what the tests arrange.
    #[must_use]
    pub fn pool(&self) -> &DatabaseConnection {
        &self.pool
    }

    /// Runs a statement unless the database is known to be away, and once more on another connection when its
    /// own broke. Whoever waits for its answer never waits for ever.
    async fn run<T, F>(&self, statement: impl Fn() -> F) -> Result<T, DbErr>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        if self.health.is_away() {
            return Err(away());
        }
        let deadline = Instant::now() + READ_WITHIN;
        let work = async {
            let result = statement().await;
            if result.as_ref().is_err_and(|error| Fault::of(error) == Fault::Away) {
                self.trust.lost();
                return statement().await;
            }
            result
        };
        tokio::select! {
            biased;
            result = self.trust.finish_by(deadline, work) => result.unwrap_or_else(|| Err(overdue())),
            () = self.health.goes_away() => Err(away()),
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Reads {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.run(|| self.pool.query_one_raw(statement.clone())).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(|| self.pool.query_all_raw(statement.clone())).await
    }

    // Not among what only reads, so never twice.

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.pool.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.pool.execute_unprepared(sql).await
    }
}
