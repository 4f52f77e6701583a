//! The pool for statements that only read. A statement runs again if its connection turned out to
//! be broken, and fails after a time limit if the database is silent.

use std::{sync::Arc, time::Duration};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};
use tokio::time::Instant;

use super::{Fault, Health, connection_trust::ConnectionTrust, fault::unreachable_error};

/// Longest wait for the answer to a statement, including the wait for a connection.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// A pool for reading. Clones share it.
#[derive(Clone, Debug)]
pub struct Reads {
    pool: DatabaseConnection,
    trust: ConnectionTrust,
    health: Arc<Health>,
}

impl Reads {
    pub(super) fn new(
        pool: DatabaseConnection,
        trust: ConnectionTrust,
        health: Arc<Health>,
    ) -> Self {
        Self { pool, trust, health }
    }

    /// The bare pool, for transactions and for tests.
    #[must_use]
    pub fn pool(&self) -> &DatabaseConnection {
        &self.pool
    }

    /// Runs a statement, and once more on another connection if its own broke or had prepared it for
    /// columns that have changed. Fails at once while the database is known to be unreachable.
    async fn run<T, F>(&self, statement: impl Fn() -> F) -> Result<T, DbErr>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        if self.health.is_unreachable() {
            return Err(unreachable_error());
        }
        let deadline = Instant::now() + READ_TIMEOUT;
        let work = async {
            let result = statement().await;
            match result.as_ref().err().map(Fault::of) {
                Some(Fault::Unreachable) => self.trust.connection_broke(),
                Some(Fault::SchemaChanged) => self.trust.schema_changed(),
                _ => return result,
            }
            statement().await
        };
        tokio::select! {
            biased;
            result = self.trust.with_deadline(deadline, work) => result,
            () = self.health.becomes_unreachable() => Err(unreachable_error()),
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

    // These two may write, so they never run twice.

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.pool.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.pool.execute_unprepared(sql).await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;

    async fn reads() -> Reads {
        let pool = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
        Reads::new(pool, ConnectionTrust::default(), Arc::default())
    }

    #[tokio::test]
    async fn a_statement_on_a_broken_connection_runs_once_more() {
        let (reads, runs) = (reads().await, AtomicU32::new(0));
        let first_fails = || {
            ready(match runs.fetch_add(1, Ordering::Relaxed) {
                0 => Err(unreachable_error()),
                _ => Ok("read"),
            })
        };
        assert_eq!(reads.run(first_fails).await, Ok("read"));
        assert!(!reads.trust.is_full(), "the other connections are pinged from now on");

        let runs = AtomicU32::new(0);
        let always_fails = || {
            runs.fetch_add(1, Ordering::Relaxed);
            ready(Err::<(), _>(unreachable_error()))
        };
        assert_eq!(Fault::of(&reads.run(always_fails).await.unwrap_err()), Fault::Unreachable);
        assert_eq!(runs.into_inner(), 2);
    }

    #[tokio::test]
    async fn a_statement_that_is_wrong_runs_only_once() {
        let (reads, runs) = (reads().await, AtomicU32::new(0));
        let wrong = || {
            runs.fetch_add(1, Ordering::Relaxed);
            ready(Err::<(), _>(DbErr::Custom("no such column".to_owned())))
        };
        reads.run(wrong).await.unwrap_err();
        assert_eq!(runs.into_inner(), 1);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_database_that_is_or_becomes_unreachable() {
        let reads = reads().await;
        let waiting = tokio::spawn({
            let reads = reads.clone();
            async move { reads.run(pending::<Result<(), DbErr>>).await }
        });
        tokio::task::yield_now().await;
        reads.health.set_unreachable(true);
        assert_eq!(Fault::of(&waiting.await.unwrap().unwrap_err()), Fault::Unreachable);
        let not_even_begun = reads.run(|| -> std::future::Ready<Result<(), DbErr>> {
            unreachable!("the database is known to be away")
        });
        assert_eq!(Fault::of(&not_even_begun.await.unwrap_err()), Fault::Unreachable);
    }

    #[tokio::test]
    async fn a_statement_fails_when_the_database_stays_silent() {
        let reads = reads().await;
        tokio::time::pause();
        let error = reads.run(pending::<Result<(), DbErr>>).await.unwrap_err();
        assert_eq!(Fault::of(&error), Fault::Overloaded);
    }
}
