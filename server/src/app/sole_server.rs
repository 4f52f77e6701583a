//! Notices that several servers use one SQLite file.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

/// Locks the file `…-server` beside an SQLite file, and warns if another server has locked it. It stays
/// locked until the result is dropped, or the process ends, however it ends.
///
/// The SQLite file itself can't be locked, because SQLite does that.
#[must_use]
pub(super) fn warn_of_another_server(database: &Path) -> Option<File> {
    // Another path may lead to the same file.
    let mut path = database.canonicalize().ok()?.into_os_string();
    path.push("-server");
    // Where no file can be made, there is another message anyway.
    let lock = File::options().create(true).append(true).open(path).ok()?;
    if let Err(TryLockError::WouldBlock) = lock.try_lock() {
        tracing::warn!(
            "another server uses {} at the same time: nothing is oversold, but the pages of one server \
             learn late of bookings at the other. Stop one of them, or use PostgreSQL for several \
             servers",
            database.display()
        );
    }
    // All servers share the lock, so that a third one is warned when the first one has stopped.
    let _ = lock.unlock();
    lock.try_lock_shared().ok()?;
    Some(lock)
}
