//! The number of bytes that have arrived on a connection.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Counts the bytes that have arrived on a connection. An unfinished message of a WebSocket is seen
/// by nobody else. Clones share the count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrived(Arc<AtomicUsize>);

impl Arrived {
    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
