//! Configures each engine's connections, and decides which of them are used again.

use std::{io, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc, time::Duration};

use log::LevelFilter;
use sea_orm::{
    ConnectOptions, DbErr,
    sqlx::{
        self, Connection, PgConnection, Row,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};
use tokio::time::timeout;

use super::{
    connection_trust::ConnectionTrust,
    health::{Availability, Health},
    replication::RequiredWal,
    session::SessionMark,
};

/// Longest wait for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for another transaction: for its row lock on PostgreSQL, and for its end on SQLite.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for the answer to the test of a connection.
const TEST_TIMEOUT: Duration = Duration::from_secs(2);
/// PostgreSQL ends a transaction whose server does nothing in it for this long.
const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn create_parent_folder(file: &Path) -> Result<(), DbErr> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder)
            .map_err(|e| DbErr::Custom(format!("can't make the folder {}: {e}", folder.display()))),
        _ => Ok(()),
    }
}

/// Creates a file that only its owner can read, unless it is there. SQLite gives its log the same
/// permissions.
pub(super) fn create_private_file(file: &Path) {
    let mut options = std::fs::OpenOptions::new();
    // If it fails, so does the first connection, which says why.
    let _ = options.write(true).create_new(true).mode(0o600).open(file);
}

// Both engines' pools close a connection that comes back with a transaction open in the driver's
// count. On a full disk SQLite rolls back by itself, so the driver's own rollback fails and its
// count stays up. The next user of that connection would only set savepoints, see them succeed, and
// never commit.

pub(super) fn sqlite_options(
    file: &Path,
    connections: u32,
    trust: &ConnectionTrust,
) -> ConnectOptions {
    let (file, trust) = (file.to_owned(), trust.clone());
    let mut options = pool_options("sqlite:", connections);
    options.map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .filename(&file)
            // A file that was lost must not be replaced by an empty one.
            .create_if_missing(false)
            // Readers go on while the writer commits.
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged booking survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(LOCK_TIMEOUT)
    });
    options.map_sqlx_sqlite_pool_opts(move |pool| {
        let (before, after) = (trust.clone(), trust.clone());
        // A connection that was opened while the file was read-only stays so. Opening another costs
        // next to nothing.
        pool.before_acquire(move |_, meta| {
            let is_trusted = before.allows_age(meta.age);
            Box::pin(async move { Ok(is_trusted) })
        })
        .after_release(move |connection, meta| {
            let is_trusted = after.allows_age(meta.age);
            Box::pin(async move {
                // A rollback that is still queued runs before the ping.
                connection.ping().await?;
                Ok(is_trusted && !connection.is_in_transaction())
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

/// Has a session plan each statement once. By default, PostgreSQL compares what each use may cost, and
/// plans anew if there are fewer values than it expects. For a table with as many indexes as that of
/// events, that takes longer than to find a row by its key. The plan of a list or a count depends on its
/// values.
const ONE_PLAN: &str = "force_generic_plan";

/// What the test of a PostgreSQL connection asks.
#[derive(Clone, Debug)]
pub(super) enum ConnectionTest {
    /// Whether it answers.
    Answers,
    /// Whether it also leads to a database that takes writes. While this health says that there is
    /// none, an answer is enough.
    TakesWrites(Arc<Health>),
    /// Whether it leads to a standby that keeps up. Behind one address there may be several, so this
    /// is asked before each use.
    KeepsUp(RequiredWal),
}

impl ConnectionTest {
    /// Whether a connection that worked a moment ago may fail the test.
    fn is_for_each_use(&self) -> bool {
        match self {
            Self::KeepsUp(_) => true,
            Self::Answers | Self::TakesWrites(_) => false,
        }
    }

    /// The test's result; `None` if there is no answer.
    async fn run(&self, connection: &mut PgConnection) -> Option<bool> {
        let answers = async {
            match self {
                Self::TakesWrites(health) if health.availability() == Availability::Full => {
                    let takes_writes = takes_writes(connection).await;
                    if let Ok(false) = takes_writes {
                        health.record_refused_write();
                    }
                    takes_writes
                }
                Self::KeepsUp(required) => Ok(required.shortfall_of(connection).await?.is_none()),
                Self::TakesWrites(_) | Self::Answers => connection.ping().await.map(|()| true),
            }
        };
        timeout(TEST_TIMEOUT, answers).await.ok()?.ok()
    }
}

async fn takes_writes(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    // It is on during recovery, too. As plain text, the statement takes one round trip.
    let row = sqlx::raw_sql("SHOW transaction_read_only").fetch_one(connection).await?;
    Ok(row.try_get::<String, _>(0)? == "off")
}

/// The work that the sessions of a pool do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// Their statements may take this long.
    Reads(Duration),
    /// They keep counts themselves. For all other sessions, triggers of the database do it.
    Writes,
    /// They send and receive messages, or ask how the database is.
    Messages,
}

/// `mark` gets the mark of each new session.
pub(super) fn postgres_options(
    url: &str,
    connections: u32,
    trust: &ConnectionTrust,
    test: ConnectionTest,
    mark: &SessionMark,
    purpose: Purpose,
) -> ConnectOptions {
    let (trust, mark) = (trust.clone(), mark.clone());
    let (statement_timeout, keeps_counts, plan_cache_mode) = match purpose {
        Purpose::Reads(timeout) => (timeout, "", "auto"),
        Purpose::Writes => (Duration::ZERO, "on", ONE_PLAN),
        Purpose::Messages => (Duration::ZERO, "", "auto"),
    };
    let millis = |time: Duration| time.as_millis().to_string();
    let session_settings = [
        // PostgreSQL takes zero as "no limit".
        ("statement_timeout", millis(statement_timeout)),
        ("rowlock.keeps_counts", keeps_counts.to_owned()),
        ("plan_cache_mode", plan_cache_mode.to_owned()),
        // As a session default it costs no round trip per transaction.
        ("default_transaction_isolation", "read committed".to_owned()),
        ("lock_timeout", millis(LOCK_TIMEOUT)),
        // A server that hangs or is cut off must not keep its row locks.
        ("idle_in_transaction_session_timeout", millis(IDLE_IN_TRANSACTION_TIMEOUT)),
    ];
    let plans = INDEX_PLANS_ONLY.map(|(setting, value)| (setting, value.to_owned()));
    let settings: Arc<[_]> = session_settings.into_iter().chain(plans).collect();
    let mut options = pool_options(url, connections);
    options.map_sqlx_postgres_pool_opts(move |pool| {
        let (before, after) = (trust.clone(), trust.clone());
        let (test_first, test_before, test_after) = (test.clone(), test.clone(), test.clone());
        let (mark, settings) = (mark.clone(), Arc::clone(&settings));
        pool.after_connect(move |connection, _| {
            let (mark, settings) = (mark.clone(), Arc::clone(&settings));
            let test = test_first.clone();
            Box::pin(async move {
                mark.set_up(connection, &settings).await?;
                if test.is_for_each_use() && test.run(connection).await != Some(true) {
                    return Err(io::Error::other("it leads to no standby that keeps up").into());
                }
                Ok(())
            })
        })
        .before_acquire(move |connection, meta| {
            let is_outdated = before.may_be_outdated(meta.age);
            let test = test_before.clone();
            let is_trusted = before.allows_idle(meta.idle_for) && !test.is_for_each_use();
            Box::pin(async move {
                Ok(!is_outdated && (is_trusted || test.run(connection).await == Some(true)))
            })
        })
        .after_release(move |connection, meta| {
            let is_outdated = after.may_be_outdated(meta.age);
            // The pool pings too, but would wait forever for a connection that went silent.
            let (is_trusted, test) = (after.is_full(), test_after.clone());
            Box::pin(async move {
                if is_outdated {
                    return Ok(false);
                }
                let passed = if is_trusted { Some(true) } else { test.run(connection).await };
                let passed = passed.ok_or(io::Error::from(io::ErrorKind::TimedOut))?;
                Ok(passed && !connection.is_in_transaction())
            })
        })
    });
    options.map_sqlx_postgres_opts(|postgres| {
        postgres.application_name("rowlock").extra_float_digits(None)
    });
    options
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
