//! The interface that all commands to the inventory share, and their errors.

use rowlock_entities::{BookingId, EventId, UserId};
use sea_orm::DbErr;

use super::ledger::Ledger;

/// A change of an event's count that a caller requests. Each command has a file, together with its
/// outcome. Lanes, settler and retry policy know commands only by this trait.
pub(crate) trait Command: CommandScope {
    /// The decision, unless the command is rejected.
    type Outcome: Send + Sync + 'static;

    /// Decides the command. Later commands of the batch see what it changed.
    ///
    /// # Errors
    /// When the command can't be carried out, whatever the event's count is.
    fn decide(&self, ledger: &mut Ledger) -> Result<Self::Outcome, Rejection>;
}

/// The rows that a command locks and reads.
pub(crate) trait CommandScope: Send + Sync + 'static {
    /// The event whose row is locked for the command.
    fn event_id(&self) -> EventId;

    /// The user who requests this and must exist.
    fn user_id(&self) -> UserId;

    /// Adds the bookings that the decision depends on. With `is_retry`, an earlier attempt may
    /// already have committed the command.
    fn add_needed_bookings(&self, needed: &mut NeededBookings, is_retry: bool);

    /// Whether the command can only take tickets. If its event is sold out, such a command is first
    /// decided without a lock. That decision is final if it changes nothing.
    fn only_takes_tickets(&self) -> bool;
}

/// The bookings that a batch's decisions depend on, named by key.
#[derive(Debug, Default)]
pub(crate) struct NeededBookings {
    /// Confirmed bookings of a user for an event.
    pub(super) confirmed: Vec<(UserId, EventId)>,
    /// Bookings of a user with an idempotency key.
    pub(super) by_idempotency_key: Vec<(UserId, String)>,
    pub(super) by_id: Vec<BookingId>,
}

/// The reason why a command can't be carried out, whatever the event's count is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    NoSuchEvent,
    /// There is no such booking, or it belongs to another user, which a caller must not learn.
    NoSuchBooking,
    NoSuchUser,
    /// The idempotency key belongs to a booking of another event or quantity.
    IdempotencyKeyReused,
}

/// The reason why a command has no outcome.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InventoryError {
    #[error("the command was rejected: {0:?}")]
    Rejected(Rejection),
    #[error("too many commands wait for the same event")]
    Crowded,
    #[error("the connection broke during COMMIT, and the result could not be read in time")]
    InDoubt,
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error("a batch of commands panicked")]
    BatchPanicked,
}

impl From<Rejection> for InventoryError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}
