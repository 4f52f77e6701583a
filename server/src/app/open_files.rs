//! The number of files that the process may have open. Each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files for everything but clients' connections: the database, the site, the log.
const RESERVED: u64 = 200;

/// Raises the limit as far as the process may, and returns the number of files that clients'
/// connections may use.
pub(super) fn available_for_connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let highest = Rlimit { current: limit.maximum, ..limit };
    let current = match setrlimit(Resource::Nofile, highest) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    // `None` stands for no limit.
    let available = current.map_or(u64::MAX, |files| files.saturating_sub(RESERVED).max(RESERVED));
    usize::try_from(available).unwrap_or(usize::MAX)
}
