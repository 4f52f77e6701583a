//! Applies and undoes migrations.

use std::time::Duration;

use rowlock_migration::{Difference, Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, TransactionTrait,
};
use tokio::time::sleep;

use super::Database;

/// The key of the advisory lock that migrations take: "rowlock" in ASCII.
const MIGRATIONS_LOCK: i64 = 0x0072_6f77_6c6f_636b;
/// Time between two attempts to take the lock that another server holds.
const LOCK_INTERVAL: Duration = Duration::from_millis(200);

impl Database {
    /// Applies the missing migrations, or undoes the newest `down` ones. On PostgreSQL, runs that
    /// start at the same time wait for each other. If none is missing, this changes nothing, and
    /// needs no right to change tables.
    ///
    /// # Errors
    /// When the database can't be reached or a migration fails.
    pub async fn migrate(&self, down: Option<u32>) -> Result<(), DbErr> {
        let lock = match self.backend() {
            DbBackend::Postgres => Some(self.lock_migrations().await?),
            _ => None,
        };
        match down {
            None if Difference::of(self.writer()?).await?.missing == 0 => {}
            None => Migrator::up(self.writer()?, None).await?,
            Some(steps) => Migrator::down(self.writer()?, Some(steps)).await?,
        }
        match lock {
            Some(lock) => lock.commit().await,
            None => Ok(()),
        }
    }

    /// Begins a transaction during which no other server migrates.
    async fn lock_migrations(&self) -> Result<DatabaseTransaction, DbErr> {
        let timeouts = ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"];
        // A statement that waited for the lock would keep its snapshot meanwhile, and an index that
        // is made concurrently waits for all snapshots, so both would wait forever.
        let try_lock = format!("SELECT pg_try_advisory_xact_lock({MIGRATIONS_LOCK})");
        let try_lock = Statement::from_string(DbBackend::Postgres, try_lock);
        loop {
            let lock = self.reads().pool().begin().await?;
            for setting in timeouts {
                lock.execute_unprepared(&format!("SET LOCAL {setting} = 0")).await?;
            }
            let row = lock.query_one_raw(try_lock.clone()).await?;
            if row.map(|row| row.try_get_by_index(0)).transpose()? == Some(true) {
                return Ok(lock);
            }
            lock.rollback().await?;
            sleep(LOCK_INTERVAL).await;
        }
    }

    /// The number of migrations that this version has.
    #[must_use]
    pub fn migrations(&self) -> usize {
        Migrator::migrations().len()
    }

    /// How the database's migrations differ from those of this version.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn compare_migrations(&self) -> Result<Difference, DbErr> {
        Difference::of(self.probe_connection()).await
    }
}
