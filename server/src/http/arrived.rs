//! The receiving side of a connection, which the connection shares with the layers above it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// Counts the bytes that have arrived on a connection, because an unfinished message of a WebSocket is
/// seen by nobody else, and keeps whether the rest is discarded. Clones share both.
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
