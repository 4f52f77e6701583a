//! Configures each engine's connections, and decides which of them are used again.

use std::{io, path::Path, time::Duration};

use log::LevelFilter;
use sea_orm::{
    ConnectOptions, DbErr,
    sqlx::{
        Connection, PgConnection,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};
use tokio::time::timeout;

use super::connection_trust::ConnectionTrust;

/// Longest wait for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for another transaction: for its row lock on PostgreSQL, and for its end on SQLite.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for the answer to a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// PostgreSQL ends a transaction whose server does nothing in it for this long.
const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn create_parent_folder(file: &Path) -> Result<(), DbErr> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder)
            .map_err(|e| DbErr::Custom(format!("can't make the folder {}: {e}", folder.display()))),
        _ => Ok(()),
    }
}

// Both engines' pools close a connection that comes back with a transaction open in the driver's
// count. On a full disk SQLite rolls back by itself, so the driver's own rollback fails and its
// count stays up. The next user of that connection would only set savepoints, see them succeed, and
// never commit.

pub(super) fn sqlite_options(file: &Path, connections: u32) -> ConnectOptions {
    let file = file.to_owned();
    let mut options = pool_options("sqlite:", connections);
    options.map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .filename(&file)
            .create_if_missing(true)
            // Readers go on while the writer commits.
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged booking survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(LOCK_TIMEOUT)
    });
    options.map_sqlx_sqlite_pool_opts(|pool| {
        pool.after_release(|connection, _| {
            Box::pin(async move {
                // A rollback that is still queued runs before the ping.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
    });
    options
}

/// Turns off the plans that read whole tables. Every query has an index, and a plan is kept with
/// its prepared statement: a plan that was made while a table was small would still be used after
/// it has grown.
pub(super) const INDEX_PLANS_ONLY: [(&str, &str); 3] =
    [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off")];

/// The setting of the sessions that keep counts themselves. For all other sessions, triggers of the
/// database do it.
const KEEPS_COUNTS: (&str, &str) = ("rowlock.keeps_counts", "on");

/// The options of the pool for transactions. Its statements may take any time.
pub(super) fn postgres_writer_options(
    url: &str,
    connections: u32,
    trust: &ConnectionTrust,
) -> ConnectOptions {
    session_options(url, connections, trust, None, Some(KEEPS_COUNTS))
}

/// Without a `statement_timeout`, statements may take any time.
pub(super) fn postgres_options(
    url: &str,
    connections: u32,
    trust: &ConnectionTrust,
    statement_timeout: Option<Duration>,
) -> ConnectOptions {
    session_options(url, connections, trust, statement_timeout, None)
}

fn session_options(
    url: &str,
    connections: u32,
    trust: &ConnectionTrust,
    statement_timeout: Option<Duration>,
    more: Option<(&'static str, &'static str)>,
) -> ConnectOptions {
    let trust = trust.clone();
    let mut options = pool_options(url, connections);
    options.map_sqlx_postgres_pool_opts(move |pool| {
        let (before, after) = (trust.clone(), trust.clone());
        pool.before_acquire(move |connection, meta| {
            let is_trusted = before.allows_idle(meta.idle_for);
            Box::pin(async move { Ok(is_trusted || answers_ping(connection).await) })
        })
        .after_release(move |connection, _| {
            // The pool pings too, but would wait forever for a connection that went silent.
            let is_trusted = after.is_full();
            Box::pin(async move {
                if !is_trusted && !answers_ping(connection).await {
                    return Err(io::Error::from(io::ErrorKind::TimedOut).into());
                }
                Ok(!connection.is_in_transaction())
            })
        })
    });
    options.map_sqlx_postgres_opts(move |postgres| {
        let millis = |time: Duration| time.as_millis().to_string();
        let session_settings = [
            // PostgreSQL takes zero as "no limit".
            ("statement_timeout", millis(statement_timeout.unwrap_or_default())),
            // As a session default it costs no round trip per transaction.
            ("default_transaction_isolation", "read committed".to_owned()),
            ("lock_timeout", millis(LOCK_TIMEOUT)),
            // A server that hangs or is cut off must not keep its row locks.
            ("idle_in_transaction_session_timeout", millis(IDLE_IN_TRANSACTION_TIMEOUT)),
        ];
        postgres
            .application_name("rowlock")
            .options(session_settings)
            .options(INDEX_PLANS_ONLY)
            .options(more)
    });
    options
}

async fn answers_ping(connection: &mut PgConnection) -> bool {
    timeout(PING_TIMEOUT, connection.ping()).await.is_ok_and(|answer| answer.is_ok())
}

fn pool_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy(true)
        // A ping each time would cost a round trip; `ConnectionTrust` decides when one is needed.
        .test_before_acquire(false)
        .sqlx_logging_level(LevelFilter::Debug);
    options
}
