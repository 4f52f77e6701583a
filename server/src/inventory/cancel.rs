//! Cancels one booking and frees its tickets.

use std::sync::Arc;

use rowlock_entities::{BookingId, EventId, UserId, booking, event};

use super::{
    command::{Command, CommandScope, NeededBookings, Rejection},
    ledger::Ledger,
};

/// Cancels a booking of `user_id`.
#[derive(Clone, Debug)]
pub(crate) struct Cancel {
    pub(crate) booking_id: BookingId,
    /// The booking's event, which never changes.
    pub(crate) event_id: EventId,
    pub(crate) user_id: UserId,
    /// Whether the booking of an event that has started may be cancelled, too.
    pub(crate) even_if_started: bool,
}

/// The outcome of an attempt to cancel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CancelOutcome {
    /// The booking, cancelled now or by an earlier command.
    Cancelled(booking::Model),
    /// The event has started.
    Closed(Arc<event::Model>),
}

impl CommandScope for Cancel {
    fn event_id(&self) -> EventId {
        self.event_id
    }

    fn user_id(&self) -> Option<UserId> {
        Some(self.user_id)
    }

    fn add_needed_bookings(&self, needed: &mut NeededBookings, _is_retry: bool) {
        needed.by_id.push(self.booking_id);
    }

    fn only_takes_tickets(&self) -> bool {
        false
    }
}

impl Command for Cancel {
    type Outcome = CancelOutcome;

    fn decide(&self, ledger: &mut Ledger) -> Result<CancelOutcome, Rejection> {
        if !ledger.user_exists(self.user_id) {
            return Err(Rejection::NoSuchUser);
        }
        // Another user's booking looks like one that does not exist.
        let booking = ledger
            .booking(self.booking_id)
            .filter(|booking| booking.user_id == self.user_id)
            .ok_or(Rejection::NoSuchBooking)?
            .clone();
        if booking.status == booking::Status::Cancelled {
            return Ok(CancelOutcome::Cancelled(booking));
        }
        let event = ledger.event(booking.event_id).ok_or(Rejection::NoSuchEvent)?;
        if ledger.has_started(event) && !self.even_if_started {
            return Ok(CancelOutcome::Closed(Arc::clone(event)));
        }
        Ok(CancelOutcome::Cancelled(ledger.cancel_booking(booking)))
    }

    fn only_refuses(decision: &Result<CancelOutcome, Rejection>) -> bool {
        match decision {
            Ok(CancelOutcome::Cancelled(_)) => false,
            Ok(CancelOutcome::Closed(_)) | Err(_) => true,
        }
    }

    fn label(outcome: &CancelOutcome) -> &'static str {
        match outcome {
            CancelOutcome::Cancelled(_) => "cancelled",
            CancelOutcome::Closed(_) => "closed",
        }
    }
}
