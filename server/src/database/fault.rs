//! Classifies database errors by what the caller should do next.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, sqlx};

/// Time between two lines about a full disk.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// The reason why a statement or transaction failed, as far as it decides the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The database can't be reached, or the connection to it broke.
    Unreachable,
    /// The database answers but has no capacity: no free connection, or no disk space.
    Overloaded,
    /// The database refuses every write: it is a standby, or was made read-only. Another connection
    /// may lead to one that takes them.
    ReadOnly,
    /// Another transaction held a row lock for longer than `lock_timeout`.
    LockTimeout,
    /// The transaction lost against a concurrent one. A second run can succeed.
    SerializationFailure,
    /// A table's columns changed, so a statement that the connection had prepared no longer fits. A
    /// new connection prepares it again.
    SchemaChanged,
    /// A unique or foreign key was violated, because a row appeared or vanished since it was read.
    /// A second run of the transaction sees that row as it is now.
    ConstraintViolation,
    /// Anything else, which is a defect.
    Other,
}

/// Tells the operator if a write failed because a disk is full: once a minute, because the log may be on
/// the same disk.
pub(crate) fn report_full_disk(error: &DbErr) {
    static REPORTED: Mutex<Option<Instant>> = Mutex::new(None);
    let (DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) = error else { return };
    let RuntimeErr::SqlxError(cause) = cause else { return };
    // PostgreSQL's disk_full, and SQLITE_FULL.
    let code = cause.as_database_error().and_then(|answer| answer.code());
    if !code.is_some_and(|code| code == "53100" || code == "13") {
        return;
    }
    let mut reported = REPORTED.lock();
    if reported.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL) {
        *reported = Some(Instant::now());
        tracing::error!(%error, "the database has no space left");
    }
}

impl Fault {
    pub(crate) fn of(error: &DbErr) -> Self {
        if error.sql_err().is_some() {
            return Self::ConstraintViolation;
        }
        match error {
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Self::Overloaded,
            DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => Self::Unreachable,
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => Self::of_driver(cause),
            _ => Self::Other,
        }
    }

    /// Whether a commit that failed like this may have been stored all the same.
    pub(crate) fn leaves_commit_in_doubt(self) -> bool {
        match self {
            Self::Unreachable => true,
            Self::Overloaded
            | Self::ReadOnly
            | Self::LockTimeout
            | Self::SerializationFailure
            | Self::SchemaChanged
            | Self::ConstraintViolation
            | Self::Other => false,
        }
    }

    fn of_driver(error: &sqlx::Error) -> Self {
        use sqlx::Error;
        match error {
            Error::Database(answer) => match answer.code() {
                Some(code) if answer.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() => {
                    Self::of_sqlite_code(&code)
                }
                Some(code) if code == NOT_SUPPORTED && is_about_a_prepared_statement(&**answer) => {
                    Self::SchemaChanged
                }
                Some(code) => Self::of_sqlstate(&code),
                None => Self::Other,
            },
            Error::Io(_)
            | Error::Tls(_)
            | Error::Protocol(_)
            | Error::PoolTimedOut
            | Error::PoolClosed
            | Error::WorkerCrashed => Self::Unreachable,
            _ => Self::Other,
        }
    }

    /// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    fn of_sqlstate(code: &str) -> Self {
        match code {
            "40001" | "40P01" => Self::SerializationFailure,
            "55P03" => Self::LockTimeout,
            // A row that others refer to was deleted; newer versions have a code for this.
            "23001" => Self::ConstraintViolation,
            // Too many connections; a statement cancelled by statement_timeout.
            "53300" | "57014" => Self::Overloaded,
            // Connection failures, a server that starts or stops, no such login or database.
            code if ["08", "28", "57P", "3D"].iter().any(|class| code.starts_with(class)) => {
                Self::Unreachable
            }
            // A table is missing before the first migration. The health probe logs that, and
            // /readyz reports it.
            "42P01" => Self::Unreachable,
            "25006" => Self::ReadOnly,
            // A prepared statement is missing, or there already: a pooler has changed the session.
            "26000" | "42P05" => Self::Unreachable,
            // Out of disk, memory or another resource.
            code if code.starts_with("53") => Self::Overloaded,
            _ => Self::Other,
        }
    }

    /// <https://www.sqlite.org/rescode.html>: the low byte of an extended code is its primary code.
    fn of_sqlite_code(code: &str) -> Self {
        const BUSY: u32 = 5;
        const LOCKED: u32 = 6;
        const READ_ONLY: u32 = 8;
        const IO_ERROR: u32 = 10;
        const FULL: u32 = 13;
        const CAN_NOT_OPEN: u32 = 14;
        /// A row that others refer to was deleted.
        const DELETE_RESTRICTED: &str = "1811";
        if code == DELETE_RESTRICTED {
            return Self::ConstraintViolation;
        }
        match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(BUSY | LOCKED) => Self::SerializationFailure,
            Ok(FULL) => Self::Overloaded,
            Ok(READ_ONLY) => Self::ReadOnly,
            Ok(IO_ERROR | CAN_NOT_OPEN) => Self::Unreachable,
            _ => Self::Other,
        }
    }
}

/// PostgreSQL's code for a prepared statement whose columns have other types now, and for much
/// else.
const NOT_SUPPORTED: &str = "0A000";

/// The routine names the cause in every language, unlike the message.
fn is_about_a_prepared_statement(error: &dyn sqlx::error::DatabaseError) -> bool {
    error
        .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
        .is_some_and(|error| error.routine() == Some("RevalidateCachedQuery"))
}

/// The error for a database that can't be reached, or a connection that broke.
pub(crate) fn unreachable_error() -> DbErr {
    DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)
}

/// The error of a call to the driver without SeaORM.
pub(super) fn driver_error(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

/// The error for work that missed its deadline.
pub(crate) fn timeout_error() -> DbErr {
    DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlstate_tells_a_lost_race_from_an_overloaded_or_unreachable_database() {
        assert_eq!(Fault::of_sqlstate("40001"), Fault::SerializationFailure);
        assert_eq!(Fault::of_sqlstate("40P01"), Fault::SerializationFailure);
        assert_eq!(Fault::of_sqlstate("55P03"), Fault::LockTimeout);
        assert_eq!(Fault::of_sqlstate("53100"), Fault::Overloaded);
        assert_eq!(Fault::of_sqlstate("57P01"), Fault::Unreachable);
        assert_eq!(Fault::of_sqlstate("08006"), Fault::Unreachable);
        assert_eq!(Fault::of_sqlstate("25006"), Fault::ReadOnly);
        assert_eq!(Fault::of_sqlstate("23001"), Fault::ConstraintViolation);
        assert_eq!(Fault::of_sqlstate("42703"), Fault::Other);
    }

    #[test]
    fn an_extended_sqlite_code_counts_as_its_primary_code() {
        assert_eq!(Fault::of_sqlite_code("5"), Fault::SerializationFailure);
        assert_eq!(Fault::of_sqlite_code("517"), Fault::SerializationFailure); // BUSY_SNAPSHOT
        assert_eq!(Fault::of_sqlite_code("13"), Fault::Overloaded);
        assert_eq!(Fault::of_sqlite_code("1032"), Fault::ReadOnly); // READONLY_DBMOVED
        assert_eq!(Fault::of_sqlite_code("266"), Fault::Unreachable); // IOERR_READ
        assert_eq!(Fault::of_sqlite_code("275"), Fault::Other); // CONSTRAINT_CHECK
        assert_eq!(Fault::of_sqlite_code("1811"), Fault::ConstraintViolation); // CONSTRAINT_TRIGGER
    }
}
