//! What a database error means for the work that met it.

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, sqlx};

/// Why a statement or transaction failed, as far as it changes what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The database is not there, or the connection to it broke.
    Away,
    /// It is there and has no room: no free connection, no disk space.
    Busy,
    /// Another transaction held a row's lock for too long.
    Held,
    /// The transaction lost against another one; the same again can succeed.
    Lost,
    /// A row with that key exists by now, or one that is referred to is gone; the same again will
    /// see it.
    Conflict,
    /// Anything else: a defect.
    Other,
}

impl Fault {
    pub(crate) fn of(error: &DbErr) -> Self {
        // What it refers to, or collides with, changed since it was read.
        if error.sql_err().is_some() {
            return Self::Conflict;
        }
        match error {
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Self::Busy,
            DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => Self::Away,
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => Self::of_driver(cause),
            _ => Self::Other,
        }
    }

    fn of_driver(error: &sqlx::Error) -> Self {
        use sqlx::Error;
        match error {
            Error::Database(answer) => match answer.code() {
                Some(code) if answer.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() => {
                    Self::of_sqlite_code(&code)
                }
                Some(code) => Self::of_sqlstate(&code),
                None => Self::Other,
            },
            Error::Io(_)
            | Error::Tls(_)
            | Error::Protocol(_)
            | Error::PoolTimedOut
            | Error::PoolClosed
            | Error::WorkerCrashed => Self::Away,
            _ => Self::Other,
        }
    }

    /// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    fn of_sqlstate(code: &str) -> Self {
        match code {
            "40001" | "40P01" => Self::Lost,
            "55P03" => Self::Held,
            // Too many connections; a statement cancelled for its time.
            "53300" | "57014" => Self::Busy,
            // Connection failures, the server stopping or starting, no such login or database.
            code if ["08", "28", "57P", "3D"].iter().any(|class| code.starts_with(class)) => {
                Self::Away
            }
            // Not migrated yet, which is logged at the start and told by /readyz.
            "42P01" => Self::Away,
            // Out of disk, memory or another resource; a standby that takes no writes.
            code if code.starts_with("53") || code == "25006" => Self::Busy,
            _ => Self::Other,
        }
    }

    /// <https://www.sqlite.org/rescode.html>: the primary code is the extended one's low byte.
    fn of_sqlite_code(code: &str) -> Self {
        const BUSY: u32 = 5;
        const LOCKED: u32 = 6;
        const READ_ONLY: u32 = 8;
        const IO_ERROR: u32 = 10;
        const FULL: u32 = 13;
        const CAN_NOT_OPEN: u32 = 14;
        match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(BUSY | LOCKED) => Self::Lost,
            Ok(READ_ONLY | FULL) => Self::Busy,
            Ok(IO_ERROR | CAN_NOT_OPEN) => Self::Away,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlstate_tells_lost_from_busy_from_away() {
        assert_eq!(Fault::of_sqlstate("40001"), Fault::Lost);
        assert_eq!(Fault::of_sqlstate("40P01"), Fault::Lost);
        assert_eq!(Fault::of_sqlstate("55P03"), Fault::Held);
        assert_eq!(Fault::of_sqlstate("53100"), Fault::Busy);
        assert_eq!(Fault::of_sqlstate("57P01"), Fault::Away);
        assert_eq!(Fault::of_sqlstate("08006"), Fault::Away);
        assert_eq!(Fault::of_sqlstate("42703"), Fault::Other);
    }

    #[test]
    fn an_extended_sqlite_code_counts_as_its_primary_code() {
        assert_eq!(Fault::of_sqlite_code("5"), Fault::Lost);
        assert_eq!(Fault::of_sqlite_code("517"), Fault::Lost); // BUSY_SNAPSHOT
        assert_eq!(Fault::of_sqlite_code("13"), Fault::Busy);
        assert_eq!(Fault::of_sqlite_code("266"), Fault::Away); // IOERR_READ
        assert_eq!(Fault::of_sqlite_code("275"), Fault::Other); // CONSTRAINT_CHECK
    }
}
