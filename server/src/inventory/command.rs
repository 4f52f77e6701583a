//! The interface that all commands to the inventory share, and their errors.

use std::collections::HashSet;

use rowlock_entities::{BookingId, EventId, OrganizerId, UserId, event};
use sea_orm::DbErr;

use super::{ledger::Ledger, needed_bookings::NeededBookings};

/// A change of an event or of its count that a caller requests. Each command has a file, together
/// with its outcome. Lanes, settler and retry policy know commands only by this trait.
pub(crate) trait Command: CommandScope {
    /// The decision, unless the command is rejected.
    type Outcome: Send + Sync + 'static;

    /// Decides the command. Later commands of the batch see what it changed.
    ///
    /// # Errors
    /// When the command can't be carried out, whatever the event's count is.
    fn decide(&self, ledger: &mut Ledger) -> Result<Self::Outcome, Rejection>;

    /// Whether a decision only refuses, and says nothing about a booking that exists. Such a
    /// decision may come from a read without a lock. Any other must come from a transaction that
    /// locked the event: its commit waits until the booking it tells of is as durable as PostgreSQL
    /// is set to make it, which a read does not.
    fn only_refuses(decision: &Result<Self::Outcome, Rejection>) -> bool;

    /// The metrics' label of an outcome.
    fn label(outcome: &Self::Outcome) -> &'static str;
}

/// The rows that a command locks and reads.
pub(crate) trait CommandScope: Send + Sync + 'static {
    /// The event whose lane carries the command out, and whose row is locked.
    fn event_id(&self) -> EventId;

    /// Adds the events whose rows are locked for the command.
    fn add_events(&self, ids: &mut Vec<EventId>) {
        ids.push(self.event_id());
    }

    /// The user for whom the command takes tickets, who must have an account.
    fn user_id(&self) -> Option<UserId> {
        None
    }

    /// Whether this user is looked up. Without it, the database refuses a booking of somebody without
    /// an account, and only a retry finds out whose.
    fn looks_up_user(&self) -> bool {
        false
    }

    /// Adds the bookings that the decision depends on. With `is_retry`, an earlier attempt may
    /// already have committed the command.
    fn add_needed_bookings(&self, needed: &mut NeededBookings, is_retry: bool);

    /// Adds the events whose covers the decision depends on.
    fn add_needed_covers(&self, _ids: &mut Vec<EventId>) {}

    /// Adds the organizers whose events the command adds or edits; `events` are those that were
    /// locked. They keep their members until the transaction ends.
    fn add_organizers(&self, _events: &[event::Model], _ids: &mut HashSet<OrganizerId>) {}

    /// Adds the bookings whose check-ins the decision depends on. They are locked, so that no ticket
    /// of theirs is checked in before the transaction ends.
    fn add_checked_bookings(&self, _ids: &mut Vec<BookingId>) {}

    /// Whether the command can only take tickets. If its event is sold out or not on sale, it is first
    /// decided without a lock, and may be refused by that decision.
    fn only_takes_tickets(&self) -> bool;
}

/// The reason why a command can't be carried out, whatever the event's count is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    NoSuchEvent,
    /// Nobody is a member of the event's organizer any more, so nobody may edit the event.
    NoMembers,
    /// There is no such booking, or it belongs to another user, which a caller must not learn.
    NoSuchBooking,
    /// The user has no account, or not any more.
    NoSuchUser,
    /// The idempotency key belongs to a booking of another quantity.
    IdempotencyKeyReused,
    /// One booking of the event can't have so many tickets.
    TooManyTickets {
        /// The largest number that it can have.
        max: i32,
    },
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

impl InventoryError {
    /// The metrics' label for a command without an outcome.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Rejected(
                Rejection::NoSuchEvent | Rejection::NoSuchBooking | Rejection::NoSuchUser,
            ) => "not_found",
            Self::Rejected(Rejection::NoMembers) => "not_permitted",
            Self::Rejected(Rejection::IdempotencyKeyReused) => "key_reused",
            Self::Rejected(Rejection::TooManyTickets { .. }) => "too_many_tickets",
            Self::InDoubt => "in_doubt",
            Self::Crowded => "crowded",
            Self::Database(_) | Self::BatchPanicked => "failed",
        }
    }
}

impl From<Rejection> for InventoryError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}
