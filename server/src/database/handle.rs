//! The pools of one database, and how a transaction begins.

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tokio::time::Instant;

use super::{
    DatabaseArgs, DatabaseUrl, Health, Reads,
    connection_trust::ConnectionTrust,
    fault::unreachable_error,
    health::Availability,
    nodes::Nodes,
    pools::{
        ConnectionTest, INDEX_PLANS_ONLY, Purpose, create_parent_folder, create_private_file,
        postgres_options, sqlite_options,
    },
    reads::READ_TIMEOUT,
    replication::RequiredWal,
    session::SessionMark,
    standby::{Lists, Standby},
};
use crate::metrics::PoolSize;

/// A database of either engine. Clones share its pools.
#[derive(Clone, Debug)]
pub struct Database {
    reads: Reads,
    lists: Lists,
    required_wal: RequiredWal,
    writes: DatabaseConnection,
    trust: ConnectionTrust,
    /// A connection that only probes use, so that a probe waits for the database and not for a busy
    /// pool.
    probe: DatabaseConnection,
    probe_mark: SessionMark,
    /// Connections for messages between servers; PostgreSQL only.
    messages: Option<DatabaseConnection>,
    /// The nodes that the pools may lead to; PostgreSQL only.
    nodes: Option<Arc<Nodes>>,
    health: Arc<Health>,
}

impl Database {
    /// Prepares the pools. Connections are opened when they are first needed, so this succeeds
    /// while PostgreSQL is away. A missing SQLite file is created, with its folder.
    ///
    /// # Errors
    /// When a URL can't be understood, when the SQLite file's folder can't be created, or when a
    /// standby is set for a database that is not PostgreSQL.
    pub async fn open(args: &DatabaseArgs) -> Result<Self, DbErr> {
        let (trust, health) = (ConnectionTrust::default(), Arc::<Health>::default());
        let probe_mark = SessionMark::default();
        let (reads, lists, writes, mut probe, mut messages, nodes) = match &args.database_url {
            DatabaseUrl::Sqlite(file) => {
                create_parent_folder(file)?;
                create_private_file(file);
                let pool = |connections| sqlite_options(file, connections, &trust);
                let reads = args.database_read_connections;
                (pool(reads), pool(reads), pool(1), pool(1), None, None)
            }
            DatabaseUrl::Postgres(url) => {
                let nodes = Arc::new(Nodes::new(url)?);
                // Which of them takes writes is found by the first probe.
                let url = url.nodes()[0].with_secrets();
                let pool = |connections, purpose| {
                    let (test, mark) =
                        (ConnectionTest::TakesWrites(Arc::clone(&health)), SessionMark::default());
                    postgres_options(url, connections, &trust, test, &mark, purpose)
                };
                let reads = || pool(args.database_read_connections, Purpose::Reads(READ_TIMEOUT));
                let writes = pool(args.database_write_connections, Purpose::Writes);
                let probe = postgres_options(
                    url,
                    1,
                    &trust,
                    ConnectionTest::Answers,
                    &probe_mark,
                    Purpose::Messages,
                );
                // One connection listens and one sends. The third one is for a new listener while
                // the old one closes.
                let messages = Some(pool(3, Purpose::Messages));
                (reads(), reads(), writes, probe, messages, Some(nodes))
            }
        };
        // The statements of probes and messages would fill the log. Their callers log important
        // results.
        for background in [&mut probe].into_iter().chain(&mut messages) {
            background.sqlx_logging(false);
        }
        let reads = sea_orm::Database::connect(reads).await?;
        let reads = Reads::new(reads, trust.clone(), Arc::clone(&health));
        let lists = sea_orm::Database::connect(lists).await?;
        let lists = Reads::new(lists, trust.clone(), Arc::clone(&health));
        let required_wal = RequiredWal::default();
        let standbys = match (&args.database_replica_url, &args.database_url) {
            (None, _) => Vec::new(),
            (Some(DatabaseUrl::Postgres(url)), DatabaseUrl::Postgres(_)) => {
                let connections = args.database_read_connections;
                Standby::open_all(url, connections, &required_wal).await?
            }
            (Some(_), _) => {
                let cause = "DATABASE_REPLICA_URL names a PostgreSQL standby, so DATABASE_URL must \
                             name a PostgreSQL database, too";
                return Err(DbErr::Custom(cause.to_owned()));
            }
        };
        Ok(Self {
            lists: Lists::new(lists, standbys),
            required_wal,
            reads,
            writes: sea_orm::Database::connect(writes).await?,
            trust,
            probe: sea_orm::Database::connect(probe).await?,
            probe_mark,
            messages: match messages {
                Some(messages) => Some(sea_orm::Database::connect(messages).await?),
                None => None,
            },
            nodes,
            health,
        })
    }

    /// The engine of this database.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.writes.get_database_backend()
    }

    /// The pool for reading by key, outside of transactions. Queries fail at once while the
    /// database is known to be unreachable.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The pool for lists. Their answers may be a few seconds old and decide nothing.
    pub(crate) fn lists(&self) -> &Lists {
        &self.lists
    }

    /// The writing pool, for a decision that is made without a transaction and must see everything
    /// that is committed.
    ///
    /// # Errors
    /// When the database is known to be unreachable or to refuse writes.
    pub(crate) fn writer(&self) -> Result<&DatabaseConnection, DbErr> {
        self.refuse_while_unwritable()?;
        Ok(&self.writes)
    }

    /// The connection that only probes use.
    pub(super) fn probe_connection(&self) -> &DatabaseConnection {
        &self.probe
    }

    /// The mark in the session of the connection that only probes use. Others are looked at again
    /// while connections break.
    pub(super) fn probe_mark(&self) -> &SessionMark {
        if !self.trust.is_full() {
            self.probe_mark.doubt();
        }
        &self.probe_mark
    }

    /// The pool for messages between servers.
    ///
    /// # Errors
    /// On SQLite, which has none.
    pub(super) fn messages(&self) -> Result<&DatabaseConnection, DbErr> {
        self.messages.as_ref().ok_or_else(unreachable_error)
    }

    /// Begins a transaction that sees all tables as they are at one moment.
    ///
    /// # Errors
    /// When there is no free connection.
    pub(crate) async fn snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        let isolation = match self.backend() {
            DbBackend::Postgres => Some(IsolationLevel::RepeatableRead),
            // Every SQLite transaction is a snapshot.
            _ => None,
        };
        if self.health.is_unreachable() {
            return Err(unreachable_error());
        }
        let snapshot = self.reads.pool().begin_with_config(isolation, None).await?;
        if self.backend() == DbBackend::Postgres {
            // A snapshot reads whole tables, so it needs the plans that are turned off elsewhere.
            for (setting, _) in INDEX_PLANS_ONLY {
                snapshot.execute_unprepared(&format!("SET LOCAL {setting} = on")).await?;
            }
            snapshot.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
        }
        Ok(snapshot)
    }

    /// Begins a transaction that may lock rows and write. On PostgreSQL it is READ COMMITTED: a
    /// lock that had to wait then sees the latest row instead of failing. On SQLite it is
    /// IMMEDIATE: SQLite ignores `FOR UPDATE`, and fails a transaction that starts writing too
    /// late.
    ///
    /// # Errors
    /// When there is no free connection, and at once if the database is known to be unreachable or
    /// to refuse writes.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        self.refuse_while_unwritable()?;
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        tokio::select! {
            begun = self.writes.begin_with_options(options) => begun,
            // The pool alone would keep trying until its timeout.
            () = self.health.becomes_unwritable() => Err(unreachable_error()),
        }
    }

    /// Runs `work`, and stops it at `deadline`. Its connection then counts as broken.
    ///
    /// # Errors
    /// The errors of `work`, and a timeout at the deadline.
    pub(crate) async fn with_deadline<T, E: From<DbErr>>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.trust.with_deadline(deadline, work).await
    }

    /// Commits a transaction. A commit without an answer by `deadline` counts as cut off.
    ///
    /// # Errors
    /// When the commit failed, or when its result is not known: see
    /// `Fault::leaves_commit_in_doubt`.
    pub(crate) async fn commit(
        &self,
        tx: DatabaseTransaction,
        deadline: Instant,
    ) -> Result<(), DbErr> {
        let commit = async { Ok::<_, DbErr>(tx.commit().await) };
        self.trust
            .with_deadline(deadline, commit)
            .await
            .unwrap_or_else(|_| Err(unreachable_error()))
    }

    /// Records that a connection broke. Idle connections are then tested before they are used, and
    /// the database is probed.
    pub(crate) fn connection_broke(&self) {
        self.trust.connection_broke();
        self.health.doubt();
    }

    pub(super) fn trust(&self) -> &ConnectionTrust {
        &self.trust
    }

    /// Records that a prepared statement no longer fits its table. Connections that are older than
    /// this are replaced before they are used again.
    pub(crate) fn schema_changed(&self) {
        self.trust.schema_changed();
    }

    /// Records that the database refused a write. Its connection is not used again, and the probe
    /// connects anew to find out more.
    pub(crate) fn write_was_refused(&self) {
        self.health.record_refused_write();
        self.trust.connection_broke();
    }

    /// The result of the last probe.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Whether all standbys answer lists; `None` without any.
    pub(crate) fn standbys_are_healthy(&self) -> Option<bool> {
        let standbys = self.lists.standbys();
        (!standbys.is_empty()).then(|| standbys.iter().all(Standby::is_healthy))
    }

    /// The position that standbys must have replayed by now.
    pub(super) fn required_wal(&self) -> &RequiredWal {
        &self.required_wal
    }

    /// The connections in each of the shared pools.
    pub(crate) fn pool_sizes(&self) -> Vec<PoolSize> {
        let pools = [
            ("reads", vec![self.reads.pool()]),
            ("lists", vec![self.lists.primary().pool()]),
            ("writes", vec![&self.writes]),
            ("standby", self.lists.standbys().iter().map(Standby::pool).collect()),
        ];
        let size = |connections: &DatabaseConnection| {
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
            (idle, (open as usize).saturating_sub(idle))
        };
        let sum = |(pool, connections): (&'static str, Vec<&DatabaseConnection>)| {
            let sizes = connections.into_iter().map(size);
            let sum = sizes.reduce(|(idle, used), next| (idle + next.0, used + next.1));
            sum.map(|(idle, used)| PoolSize { pool, idle, used })
        };
        pools.into_iter().filter_map(sum).collect()
    }

    /// Closes all connections once their work is done.
    pub async fn close(&self) {
        let standby = self.lists.standbys().iter().flat_map(Standby::connections);
        for pool in self.pools().chain(standby) {
            if let Err(error) = pool.close_by_ref().await {
                tracing::warn!(%error, "a database pool did not close cleanly");
            }
        }
    }

    /// The node of PostgreSQL, or several.
    pub(super) fn every_node(&self) -> Option<&Nodes> {
        self.nodes.as_deref()
    }

    /// The nodes, if there are several.
    pub(super) fn nodes(&self) -> Option<&Nodes> {
        self.nodes.as_deref().filter(|nodes| nodes.are_several())
    }

    /// Leads all pools to another node. What runs at the one before is cut off, so that nobody waits
    /// for a node that does not answer.
    pub(super) fn move_to(&self, nodes: &Nodes, index: usize) {
        nodes.use_for(index, self.pools());
        self.trust.database_moved();
    }

    /// All pools that lead to the primary.
    fn pools(&self) -> impl Iterator<Item = &DatabaseConnection> {
        let pools = [&self.probe, &self.writes, self.reads.pool(), self.lists.primary().pool()];
        pools.into_iter().chain(&self.messages)
    }

    fn refuse_while_unwritable(&self) -> Result<(), DbErr> {
        match self.health.availability() {
            Availability::Full => Ok(()),
            Availability::ReadOnly
            | Availability::Standby
            | Availability::WrongEncoding
            | Availability::NoSession
            | Availability::Unreachable => Err(unreachable_error()),
        }
    }
}
