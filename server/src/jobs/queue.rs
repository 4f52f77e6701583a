//! The queue as one server has it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{database::Database, metrics::Backlog};

/// The jobs of a database. Clones share everything.
#[derive(Clone, Debug)]
pub struct Queue {
    pub(super) db: Database,
    wake: Arc<Notify>,
    backlog: Arc<Mutex<Backlog>>,
}

impl Queue {
    #[must_use]
    pub fn new(db: Database) -> Self {
        Self { db, wake: Arc::default(), backlog: Arc::default() }
    }

    /// Lets this server's workers look for jobs at once. Call it after the commit of a transaction
    /// that has written some. Without it, and on other servers, they are found within a second.
    pub fn wake_workers(&self) {
        self.wake.notify_one();
    }

    /// Waits until somebody wakes the workers.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// The jobs as they were a few seconds ago.
    pub(crate) fn backlog(&self) -> Backlog {
        *self.backlog.lock()
    }

    pub(super) fn set_backlog(&self, backlog: Backlog) {
        *self.backlog.lock() = backlog;
    }
}
