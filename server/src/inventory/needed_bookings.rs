//! The bookings that commands read before they decide.

use rowlock_entities::{BookingId, EventId, UserId};

/// The bookings that a batch's decisions depend on, named by key.
#[derive(Debug, Default)]
pub(crate) struct NeededBookings {
    /// Confirmed bookings of a user for an event.
    pub(super) confirmed: Vec<(UserId, EventId)>,
    /// Bookings of a user for an event with an idempotency key.
    pub(super) by_idempotency_key: Vec<(UserId, EventId, String)>,
    pub(super) by_id: Vec<BookingId>,
    /// The first confirmed bookings of events.
    pub(super) of_events: Vec<ConfirmedOfEvent>,
}

/// The first `limit` confirmed bookings of an event, in the order of their ids.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConfirmedOfEvent {
    pub(super) event_id: EventId,
    /// Only bookings with larger ids.
    pub(super) after: Option<BookingId>,
    pub(super) limit: u32,
}
