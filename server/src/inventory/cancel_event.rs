//! Cancels an event: the event itself at once, and then its bookings, a part at a time.

use std::sync::Arc;

use rowlock_entities::{BookingId, EventId, UserId, booking, event};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    command::{Command, CommandScope, ConfirmedOfEvent, NeededBookings, Rejection},
    edit_event::EditOutcome,
    ledger::Ledger,
};
use crate::jobs::Job;

/// Cancels an event. Its transaction also stores the job that cancels the bookings. The caller has
/// checked the permission.
#[derive(Clone, Debug)]
pub(crate) struct CancelEvent {
    pub(crate) event_id: EventId,
    /// What those who booked are told.
    pub(crate) reason: String,
}

impl CommandScope for CancelEvent {
    fn event_id(&self) -> EventId {
        self.event_id
    }

    fn user_id(&self) -> Option<UserId> {
        None
    }

    fn add_needed_bookings(&self, _: &mut NeededBookings, _is_retry: bool) {}

    fn only_takes_tickets(&self) -> bool {
        false
    }
}

impl Command for CancelEvent {
    type Outcome = EditOutcome;

    /// A second cancellation changes nothing, whatever its reason is.
    fn decide(&self, ledger: &mut Ledger) -> Result<EditOutcome, Rejection> {
        let event = ledger.event(self.event_id).ok_or(Rejection::NoSuchEvent)?;
        if event.status == event::Status::Cancelled {
            return Ok(EditOutcome::Edited(Arc::clone(event)));
        }
        let cancelled = event::Model {
            status: event::Status::Cancelled,
            cancellation_reason: Some(self.reason.clone()),
            ..event.as_ref().clone()
        };
        Ok(EditOutcome::Edited(ledger.edit_event(cancelled)))
    }

    fn only_refuses(decision: &Result<EditOutcome, Rejection>) -> bool {
        decision.is_err()
    }

    fn label(outcome: &EditOutcome) -> &'static str {
        outcome.label()
    }
}

/// The job that cancels the bookings of a cancelled event. It is written with the cancellation.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct CancelBookingsJob {
    event_id: Uuid,
}

impl Job for CancelBookingsJob {
    const KIND: &'static str = "cancel_bookings_of_event";
}

impl CancelBookingsJob {
    pub(super) fn new(event_id: EventId) -> Self {
        Self { event_id: event_id.0 }
    }

    pub(crate) fn event_id(self) -> EventId {
        EventId(self.event_id)
    }
}

/// Cancels some bookings of an event that was cancelled: the first ones after `after`.
#[derive(Clone, Debug)]
pub(crate) struct CancelBookingsOfEvent {
    pub(crate) event_id: EventId,
    pub(crate) after: Option<BookingId>,
    pub(crate) limit: u32,
}

/// The bookings that one command has cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BookingsCancelled {
    pub(crate) count: usize,
    /// The last of them. `None` if there was none.
    pub(crate) last: Option<BookingId>,
}

impl CancelBookingsOfEvent {
    fn asked(&self) -> ConfirmedOfEvent {
        let Self { event_id, after, limit } = *self;
        ConfirmedOfEvent { event_id, after, limit }
    }
}

impl CommandScope for CancelBookingsOfEvent {
    fn event_id(&self) -> EventId {
        self.event_id
    }

    fn user_id(&self) -> Option<UserId> {
        None
    }

    fn add_needed_bookings(&self, needed: &mut NeededBookings, _is_retry: bool) {
        needed.of_events.push(self.asked());
    }

    fn only_takes_tickets(&self) -> bool {
        false
    }
}

impl Command for CancelBookingsOfEvent {
    type Outcome = BookingsCancelled;

    fn decide(&self, ledger: &mut Ledger) -> Result<BookingsCancelled, Rejection> {
        let event = ledger.event(self.event_id).ok_or(Rejection::NoSuchEvent)?;
        if event.status != event::Status::Cancelled {
            return Ok(BookingsCancelled { count: 0, last: None });
        }
        let bookings = ledger.confirmed_of_event(self.asked());
        let cancelled = BookingsCancelled {
            count: bookings.len(),
            last: bookings.last().map(|booking| booking.id),
        };
        for booking in bookings {
            ledger.cancel_booking(booking, booking::CancelledBy::Organizer, None);
        }
        Ok(cancelled)
    }

    fn only_refuses(_: &Result<BookingsCancelled, Rejection>) -> bool {
        false
    }

    fn label(_: &BookingsCancelled) -> &'static str {
        "bookings_of_event_cancelled"
    }
}
