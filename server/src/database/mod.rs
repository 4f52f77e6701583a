//! The pools of both engines, how a transaction begins, and whether the database can be reached.
//!
//! Writing, reading by key, and lists have pools of their own, so that page loads never queue behind bookings
//! that wait for a row lock, nor bookings behind searches. On SQLite the writing pool is the one writer, first come first served.

mod fault;
mod health;
mod pools;
mod reads;
mod rows;
mod standby;

use std::{sync::Arc, time::Duration};

pub(crate) use fault::Fault;
pub use health::Health;
pub(crate) use health::Schema;
use pools::{BY_KEY, create_folder_of, postgres_options, sqlite_options};
pub use reads::Reads;
use reads::Trust;
use rowlock_migration::{Migrator, MigratorTrait};
pub(crate) use rows::{any_of, hex, insert_missing, json};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    IsolationLevel, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
    sqlx::{self, postgres::PgListener},
};
use standby::{Lists, Standby};
use tokio::time::Instant;

use crate::{
    config::{DatabaseArgs, DatabaseUrl},
    metrics::PoolSize,
};

/// Longest wait for an answer to a statement that only reads, a free connection included.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// The key of the lock that migrations take: a number that nobody else of this database uses.
const MIGRATIONS: i64 = 0x0072_6f77_6c6f_636b;
/// A database of either engine. Clones share its pools.
#[derive(Clone, Debug)]
pub struct Database {
    reads: Reads,
    lists: Lists,
    writes: DatabaseConnection,
    trust: Trust,
    /// A connection that nobody else uses: what it waits for is the database, not a busy pool.
    probe: DatabaseConnection,
    /// For messages between servers, on PostgreSQL: one connection listens, another one sends.
    messages: Option<DatabaseConnection>,
    health: Arc<Health>,
}

impl Database {
    /// Prepares the pools. Connects only when a connection is first needed, so this succeeds while
    /// PostgreSQL is away; an SQLite file and its folder are made where they are missing.
    ///
    /// # Errors
    /// When a URL can't be understood, the SQLite file's folder can't be made, or a standby is named that is
    /// not PostgreSQL's.
    pub async fn open(args: &DatabaseArgs) -> Result<Self, DbErr> {
        let (trust, health) = (Trust::default(), Arc::<Health>::default());
        let (reads, lists, writes, mut probe, mut messages) = match &args.database_url {
            DatabaseUrl::Sqlite(file) => {
                create_folder_of(file)?;
                let connect = |connections| sqlite_options(file, connections);
                let reads = args.database_read_connections;
                (connect(reads), connect(reads), connect(1), connect(1), None)
            }
            DatabaseUrl::Postgres(url) => {
                let connect = |connections| postgres_options(url, connections, &trust, None);
                let reads = || {
                    let connections = args.database_read_connections;
                    postgres_options(url, connections, &trust, Some(READ_WITHIN))
                };
                (
                    reads(),
                    reads(),
                    connect(args.database_write_connections),
                    connect(1),
                    // One more than are used: a new one that listens may come before the old one is gone.
                    Some(connect(3)),
                )
            }
        };
        // Chores ask and send many times, and say themselves what matters of it.
        for chore in [&mut probe].into_iter().chain(&mut messages) {
            chore.sqlx_logging(false);
        }
        let reads = sea_orm::Database::connect(reads).await?;
        let reads = Reads::new(reads, trust.clone(), Arc::clone(&health));
        // Searches of many never keep anybody from their own bookings, or from signing in.
        let lists = sea_orm::Database::connect(lists).await?;
        let lists = Reads::new(lists, trust.clone(), Arc::clone(&health));
        let standby = match (&args.database_replica_url, &args.database_url) {
            (None, _) => None,
            (Some(replica @ DatabaseUrl::Postgres(url)), DatabaseUrl::Postgres(_)) => {
                Some(open_standby(url, replica.to_string(), args.database_read_connections).await?)
            }
            (Some(_), _) => {
                let why = "DATABASE_REPLICA_URL names a PostgreSQL standby, so DATABASE_URL must be \
                           PostgreSQL's, too";
                return Err(DbErr::Custom(why.to_owned()));
            }
        };
        Ok(Self {
            lists: Lists { standby, primary: lists },
            reads,
            writes: sea_orm::Database::connect(writes).await?,
            trust,
            probe: sea_orm::Database::connect(probe).await?,
            messages: match messages {
                Some(messages) => Some(sea_orm::Database::connect(messages).await?),
                None => None,
            },
            health,
        })
    }

    /// Which engine this is.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.writes.get_database_backend()
    }

    /// For statements outside transactions. They fail at once while the database is known to be away.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// For statements whose answer may be some seconds old, and decides nothing.
    pub(crate) fn lists(&self) -> &Lists {
        &self.lists
    }

    /// For what is decided without a transaction, and must see all that is committed.
    ///
    /// # Errors
    /// At once, without waiting for a connection, while the database is known to be away.
    pub(crate) fn primary(&self) -> Result<&DatabaseConnection, DbErr> {
        self.refuse_while_away()?;
        Ok(&self.writes)
    }

    /// Begins a transaction that reads whole tables as they are at one moment.
    ///
    /// # Errors
    /// When no connection is to be had.
    pub(crate) async fn snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        let isolation = match self.backend() {
            DbBackend::Postgres => Some(IsolationLevel::RepeatableRead),
            // There it is always so.
            _ => None,
        };
        self.refuse_while_away()?;
        let snapshot = self.reads.pool().begin_with_config(isolation, None).await?;
        if self.backend() == DbBackend::Postgres {
            for (setting, _) in BY_KEY {
                snapshot.execute_unprepared(&format!("SET LOCAL {setting} = on")).await?;
            }
            snapshot.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
        }
        Ok(snapshot)
    }

    /// Begins a transaction that may lock rows and write: READ COMMITTED on PostgreSQL, where a
    /// lock that had to wait then sees the latest row instead of failing, and IMMEDIATE on SQLite,
    /// which ignores `FOR UPDATE` and fails a transaction that turns into a writer too late.
    ///
    /// # Errors
    /// When no connection is to be had, at once while the database is known to be away.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        self.refuse_while_away()?;
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        tokio::select! {
            begun = self.writes.begin_with_options(options) => begun,
            // The pool would go on trying until its time is up.
            () = self.health.goes_away() => Err(away()),
        }
    }

    /// Sends messages to all who listen at this database, this server included. They need not be durable,
    /// so nothing waits for the disk.
    ///
    /// # Errors
    /// When the database is away or takes no messages.
    pub(crate) async fn notify(&self, channel: &str, messages: Vec<String>) -> Result<(), DbErr> {
        let pool = self.messages.as_ref().ok_or_else(away)?;
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message, \
             (SELECT set_config('synchronous_commit', 'off', true)) AS durability",
            [channel.into(), messages.into()],
        );
        let deadline = Instant::now() + READ_WITHIN;
        let sent = self.finish_by(deadline, pool.execute_raw(statement)).await;
        sent.unwrap_or_else(|| Err(overdue())).map(drop)
    }

    /// Listens for what any server sends from now on.
    ///
    /// # Errors
    /// When the database is away or has no messages.
    pub(crate) async fn listen(&self, channel: &str) -> Result<PgListener, DbErr> {
        let pool = self.messages.as_ref().ok_or_else(away)?;
        let listening = async {
            let pool = pool.get_postgres_connection_pool();
            let mut listener = PgListener::connect_with(pool).await?;
            listener.listen(channel).await?;
            Ok(listener)
        };
        let listening = self.finish_by(Instant::now() + READ_WITHIN, listening).await;
        let failed = |error: sqlx::Error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)));
        listening.ok_or_else(overdue)?.map_err(failed)
    }

    /// Applies the migrations that are missing, or undoes the newest `down` ones. On PostgreSQL, of several
    /// that are started at once, each begins when the one before has ended.
    ///
    /// # Errors
    /// When the database is away or a migration fails.
    pub async fn migrate(&self, down: Option<u32>) -> Result<(), DbErr> {
        let turn = match self.backend() {
            DbBackend::Postgres => Some(self.wait_for_migrations().await?),
            _ => None,
        };
        match down {
            None => Migrator::up(&self.writes, None).await?,
            Some(steps) => Migrator::down(&self.writes, Some(steps)).await?,
        }
        match turn {
            Some(turn) => turn.commit().await,
            None => Ok(()),
        }
    }

    /// A transaction in which nobody else migrates.
    async fn wait_for_migrations(&self) -> Result<DatabaseTransaction, DbErr> {
        let turn = self.reads.pool().begin().await?;
        for setting in ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"]
        {
            turn.execute_unprepared(&format!("SET LOCAL {setting} = 0")).await?;
        }
        turn.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATIONS})")).await?;
        Ok(turn)
    }

    /// How many migrations are missing.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn pending_migrations(&self) -> Result<usize, DbErr> {
        Ok(Migrator::get_pending_migrations_read_only(&self.probe).await?.len())
    }

    /// The connections of each pool that many use.
    pub(crate) fn pool_sizes(&self) -> Vec<PoolSize> {
        let standby = self.lists.standby.as_ref();
        let pools = [
            ("reads", Some(self.reads.pool())),
            ("lists", Some(self.lists.primary.pool())),
            ("writes", Some(&self.writes)),
            ("standby", standby.map(|standby| &standby.pool)),
        ];
        let size = |(pool, connections): (&'static str, Option<&DatabaseConnection>)| {
            let connections = connections?;
            let (open, idle) = match self.backend() {
                DbBackend::Postgres => {
                    let pool = connections.get_postgres_connection_pool();
                    (pool.size(), pool.num_idle())
                }
                _ => {
                    let pool = connections.get_sqlite_connection_pool();
                    (pool.size(), pool.num_idle())
                }
            };
            Some(PoolSize { pool, idle, used: (open as usize).saturating_sub(idle) })
        };
        pools.into_iter().filter_map(size).collect()
    }

    /// Whether the standby answers lists; none without one.
    pub(crate) fn standby_is_up(&self) -> Option<bool> {
        self.lists.standby.as_ref().map(|standby| !standby.health.is_away())
    }

    /// What the watch over the database last found.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Ends all connections, once their work is done.
    pub async fn close(&self) {
        let reads = [self.reads.pool(), self.lists.primary.pool()];
        let pools = [&self.probe, &self.writes].into_iter().chain(reads);
        let standby = self.lists.standby.iter();
        let standby = standby.flat_map(|standby| [&standby.probe, &standby.pool]);
        for pool in pools.chain(&self.messages).chain(standby) {
            if let Err(error) = pool.close_by_ref().await {
                tracing::warn!(%error, "a database pool did not close cleanly");
            }
        }
    }

    /// What work comes to that is done by `deadline`; none when it takes longer, and its connection then
    /// counts as broken.
    pub(crate) async fn finish_by<F: Future>(
        &self,
        deadline: Instant,
        work: F,
    ) -> Option<F::Output> {
        self.trust.finish_by(deadline, work).await
    }

    /// Tells that a connection broke: those that lie idle are tried before they are used again.
    pub(crate) fn a_connection_broke(&self) {
        self.trust.lost();
    }

    fn refuse_while_away(&self) -> Result<(), DbErr> {
        if self.health.is_away() {
            return Err(away());
        }
        Ok(())
    }
}

async fn open_standby(url: &str, name: String, connections: u32) -> Result<Standby, DbErr> {
    // What is known of the primary's connections says nothing about these.
    let (trust, health) = (Trust::default(), Arc::new(Health::away()));
    let pool = postgres_options(url, connections, &trust, Some(READ_WITHIN));
    let mut probe = postgres_options(url, 1, &trust, None);
    probe.sqlx_logging(false);
    let pool = sea_orm::Database::connect(pool).await?;
    let probe = sea_orm::Database::connect(probe).await?;
    Ok(Standby { pool, trust, probe, health, failed_at: Arc::default(), name })
}

/// The database can't be reached, or the connection to it broke.
pub(crate) fn away() -> DbErr {
    DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)
}

/// It took too long.
pub(crate) fn overdue() -> DbErr {
    DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)
}
