//! What the layers above a connection and the connection itself tell each other.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// Counts the bytes that have arrived on a connection. An unfinished message of a WebSocket is seen
/// by nobody else. Clones share the count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrived(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicUsize,
    discards_rest: AtomicBool,
}

impl Arrived {
    pub(crate) fn add(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// At the end of the connection, what the client still sends is read and discarded.
    pub(super) fn discard_rest(&self) {
        self.0.discards_rest.store(true, Ordering::Relaxed);
    }

    pub(crate) fn discards_rest(&self) -> bool {
        self.0.discards_rest.load(Ordering::Relaxed)
    }
}
