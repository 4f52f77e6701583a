//! Notices that several servers use one SQLite file.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

/// Locks a file beside the SQLite file, and warns if another server has locked it. It stays locked
/// until the result is dropped, or the process ends, however it ends.
///
/// The SQLite file itself can't be locked, because SQLite does that.
#[must_use]
pub(super) fn warn_of_another_server(database: &Path) -> Option<File> {
    let mut path = database.as_os_str().to_owned();
    path.push("-server");
    // Without writing access, there is another message anyway.
    let lock = File::options().create(true).append(true).open(path).ok()?;
    match lock.try_lock() {
        Ok(()) => Some(lock),
        Err(TryLockError::WouldBlock) => {
            tracing::warn!(
                "another server uses {} at the same time: nothing is oversold, but the pages of one \
                 server learn late of bookings at the other. Stop one of them, or use PostgreSQL for \
                 several servers",
                database.display()
            );
            None
        }
        Err(TryLockError::Error(error)) => {
            tracing::debug!(%error, "it is not known whether another server uses the database");
            None
        }
    }
}
