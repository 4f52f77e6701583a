//! How each engine's connections are set, and which of them are used again.

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

use super::reads::Trust;

/// Longest wait for a connection.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// Longest wait for another transaction: for its row lock on PostgreSQL, for all of it on SQLite.
const LOCK_WAIT: Duration = Duration::from_secs(3);
/// Longest wait for the answer to "are you there?".
const PING_WITHIN: Duration = Duration::from_secs(2);
/// After this long PostgreSQL ends a transaction whose server does nothing in it.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(30);

pub(super) fn create_folder_of(file: &Path) -> Result<(), DbErr> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder)
            .map_err(|e| DbErr::Custom(format!("can't make the folder {}: {e}", folder.display()))),
        _ => Ok(()),
    }
}

// Both engines' pools part with a connection whose driver counts an open transaction when it comes
// back. On a full disk, SQLite rolls back by itself and the driver's own rollback fails, so that it
// goes on counting one; whatever used the connection next would only set savepoints, be told of
// success, and never commit.

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
            .busy_timeout(LOCK_WAIT)
    });
    options.map_sqlx_sqlite_pool_opts(|pool| {
        pool.after_release(|connection, _| {
            Box::pin(async move {
                // Lets a rollback that waits in line come first.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
    });
    options
}

/// All that the server asks for has an index. A plan is kept with its statement: one that was made while a
/// table was small, and joins or scans all of it, would still be used when it has grown.
pub(super) const BY_KEY: [(&str, &str); 3] =
    [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off")];

pub(super) fn postgres_options(
    url: &str,
    connections: u32,
    trust: &Trust,
    statement_within: Option<Duration>,
) -> ConnectOptions {
    let trust = trust.clone();
    let mut options = pool_options(url, connections);
    options.map_sqlx_postgres_pool_opts(move |pool| {
        let (before, after) = (trust.clone(), trust.clone());
        pool.before_acquire(move |connection, meta| {
            let trusted = before.in_idle_for(meta.idle_for);
            Box::pin(async move { Ok(trusted || answers(connection).await) })
        })
        .after_release(move |connection, _| {
            // The pool asks too, and would wait for ever for one that never answers again.
            let trusted = after.in_all();
            Box::pin(async move {
                if !trusted && !answers(connection).await {
                    return Err(io::Error::from(io::ErrorKind::TimedOut).into());
                }
                Ok(!connection.is_in_transaction())
            })
        })
    });
    options.map_sqlx_postgres_opts(move |postgres| {
        let statement_within = statement_within.unwrap_or_default();
        let always = [
            // What nobody waits for any more is given up. Zero is for ever.
            ("statement_timeout", statement_within.as_millis().to_string()),
            // As a session default it costs no round trip per transaction.
            ("default_transaction_isolation", "read committed".to_owned()),
            ("lock_timeout", LOCK_WAIT.as_millis().to_string()),
            // A server that hangs or is cut off must not keep its row locks.
            ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION.as_millis().to_string()),
        ];
        postgres.application_name("rowlock").options(always).options(BY_KEY)
    });
    options
}

async fn answers(connection: &mut PgConnection) -> bool {
    timeout(PING_WITHIN, connection.ping()).await.is_ok_and(|answer| answer.is_ok())
}

fn pool_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(CONNECTION_WAIT)
        .connect_lazy(true)
        // Not each time, which is a round trip: PostgreSQL's pools try those that lay idle.
        .test_before_acquire(false)
        .sqlx_logging_level(LevelFilter::Debug);
    options
}
