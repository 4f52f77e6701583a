//! Records whether a database can be used and has the schema that this server knows.

use std::{
    mem,
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

/// The result of the last probe.
#[derive(Debug, Default)]
pub struct Health {
    availability: watch::Sender<Availability>,
    schema: Mutex<Schema>,
    reconnections: watch::Sender<u64>,
    write_was_refused: AtomicBool,
    doubted: Notify,
}

/// The uses that a database allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Availability {
    #[default]
    Full,
    /// It answers reads, and refuses writes.
    ReadOnly,
    /// It is a standby. It refuses writes, and its answers may be old.
    Standby,
    /// Its encoding can't hold all letters.
    WrongEncoding,
    /// A pooler gives the statements of one connection different sessions.
    NoSession,
    Unreachable,
}

impl Availability {
    /// What is wrong with the database, as a predicate: "the database" comes before it.
    pub(crate) fn problem(self) -> Option<&'static str> {
        match self {
            Self::Full => None,
            Self::ReadOnly => Some("takes no writes"),
            Self::Standby => Some("is a standby, which takes no writes"),
            Self::WrongEncoding => Some(
                "can't hold all letters: create it with ENCODING 'UTF8' TEMPLATE template0, and run \
                 `rowlock migrate`",
            ),
            Self::NoSession => Some(
                "can't be used, because the pooler gives no session of its own: set pool_mode = \
                 session",
            ),
            Self::Unreachable => Some("can't be reached"),
        }
    }

    fn allows_reads(self) -> bool {
        match self {
            Self::Full | Self::ReadOnly => true,
            Self::Standby | Self::WrongEncoding | Self::NoSession | Self::Unreachable => false,
        }
    }
}

/// Whether the database has the schema that this server knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Schema {
    /// The schema was not probed yet, or could not be probed.
    #[default]
    Unknown,
    /// This many migrations are missing.
    Pending(usize),
    Complete,
}

impl Health {
    /// Starts unreachable until the first probe succeeds. The default starts reachable.
    pub(super) fn unreachable() -> Self {
        Self { availability: watch::Sender::new(Availability::Unreachable), ..Self::default() }
    }

    /// What the database could be used for at the last probe.
    pub(crate) fn availability(&self) -> Availability {
        *self.availability.borrow()
    }

    /// Whether the last probe found that the database can't even be read.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        !self.availability().allows_reads()
    }

    /// Records that a connection takes no writes, and asks for a probe. That of the probe may be an
    /// exception.
    pub(super) fn record_refused_write(&self) {
        self.write_was_refused.store(true, Ordering::Relaxed);
        self.doubt();
    }

    /// Whether a connection was found to take no writes since this was last asked.
    pub(super) fn take_refused_write(&self) -> bool {
        self.write_was_refused.swap(false, Ordering::Relaxed)
    }

    /// Asks for a probe soon.
    pub(super) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Waits until somebody asks for a probe.
    pub(super) async fn doubted(&self) {
        self.doubted.notified().await;
    }

    /// Changes whenever the probe has connected again. The database may be another one then.
    pub(crate) fn reconnections(&self) -> watch::Receiver<u64> {
        self.reconnections.subscribe()
    }

    pub(super) fn reconnected(&self) {
        self.reconnections.send_modify(|number| *number += 1);
    }

    /// The schema's state at the last probe.
    pub(crate) fn schema(&self) -> Schema {
        *self.schema.lock()
    }

    /// Records the schema's state; returns the previous one.
    pub(super) fn set_schema(&self, schema: Schema) -> Schema {
        mem::replace(&mut self.schema.lock(), schema)
    }

    /// Waits until a probe finds that the database can't be read.
    pub(super) async fn becomes_unreachable(&self) {
        self.becomes(|availability| !availability.allows_reads()).await;
    }

    /// Waits until a probe finds that the database refuses writes.
    pub(super) async fn becomes_unwritable(&self) {
        self.becomes(|availability| availability != Availability::Full).await;
    }

    async fn becomes(&self, condition: impl Fn(Availability) -> bool) {
        // The channel can't close, because its sender lives as long as `self`.
        let _ = self.availability.subscribe().wait_for(|now| condition(*now)).await;
    }

    /// Records a probe's result; returns the previous one.
    pub(super) fn set_availability(&self, availability: Availability) -> Availability {
        self.availability.send_replace(availability)
    }

    /// Records whether the database can be reached; returns whether it could not be until now.
    pub(super) fn set_unreachable(&self, is_unreachable: bool) -> bool {
        let now = if is_unreachable { Availability::Unreachable } else { Availability::Full };
        !self.set_availability(now).allows_reads()
    }
}
