//! Records whether a database can be reached and has the schema that this server knows.

use std::mem;

use parking_lot::Mutex;
use tokio::sync::watch;

/// The result of the last probe.
#[derive(Debug, Default)]
pub struct Health {
    is_unreachable: watch::Sender<bool>,
    schema: Mutex<Schema>,
}

/// Whether the database has the schema that this server knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Schema {
    /// The schema was not probed yet, could not be probed, or does not exist.
    #[default]
    Unknown,
    /// This many migrations are missing.
    Pending(usize),
    Complete,
}

impl Health {
    /// Starts unreachable until the first probe succeeds. The default starts reachable.
    pub(super) fn unreachable() -> Self {
        Self { is_unreachable: watch::Sender::new(true), ..Self::default() }
    }

    /// Whether the last probe failed.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        *self.is_unreachable.borrow()
    }

    /// The schema's state at the last probe.
    pub(crate) fn schema(&self) -> Schema {
        *self.schema.lock()
    }

    /// Records the schema's state; returns the previous one.
    pub(super) fn set_schema(&self, schema: Schema) -> Schema {
        mem::replace(&mut self.schema.lock(), schema)
    }

    /// Waits until a probe fails.
    pub(super) async fn becomes_unreachable(&self) {
        // The channel can't close, because its sender lives as long as `self`.
        let _ = self.is_unreachable.subscribe().wait_for(|is_unreachable| *is_unreachable).await;
    }

    /// Records a probe's result; returns the previous one.
    pub(super) fn set_unreachable(&self, is_unreachable: bool) -> bool {
        self.is_unreachable.send_replace(is_unreachable)
    }
}
