//! Statements that only read: they run again when they met a connection that had died.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};

use super::Fault;

/// A connection that lay idle for longer is tried before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

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
        let lost = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        time < TRUSTED_FOR && lost.is_none_or(|lost| lost.elapsed() > time)
    }
}

/// The pool for reading. Clones share it.
#[derive(Clone, Debug)]
pub struct Reads {
    pool: DatabaseConnection,
    trust: Trust,
}

impl Reads {
    pub(super) fn new(pool: DatabaseConnection, trust: Trust) -> Self {
        Self { pool, trust }
    }

    /// For transactions, and what the tests arrange.
    #[must_use]
    pub fn pool(&self) -> &DatabaseConnection {
        &self.pool
    }

    /// Whether a statement that ended like this may succeed on another connection.
    fn broke<T>(&self, result: &Result<T, DbErr>) -> bool {
        let broke = result.as_ref().is_err_and(|error| Fault::of(error) == Fault::Away);
        if broke {
            self.trust.lost();
        }
        broke
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Reads {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let result = self.pool.query_one_raw(statement.clone()).await;
        if self.broke(&result) {
            return self.pool.query_one_raw(statement).await;
        }
        result
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let result = self.pool.query_all_raw(statement.clone()).await;
        if self.broke(&result) {
            return self.pool.query_all_raw(statement).await;
        }
        result
    }

    // Not among what only reads, so never twice.

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.pool.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.pool.execute_unprepared(sql).await
    }
}
