//! Cancels one booking and frees its tickets.

use std::sync::Arc;

use rowlock_entities::{BookingId, EventId, UserId, booking, event};

use super::{
    command::{Command, CommandScope, Rejection},
    ledger::Ledger,
    needed_bookings::NeededBookings,
};
use crate::events::has_started;

/// Cancels a booking.
#[derive(Clone, Debug)]
pub(crate) struct Cancel {
    pub(crate) booking_id: BookingId,
    /// The booking's event, which never changes.
    pub(crate) event_id: EventId,
    pub(crate) by: Canceller,
}

/// Who cancels a booking.
#[derive(Clone, Debug)]
pub(crate) enum Canceller {
    /// The person who booked, until the event starts.
    Buyer(UserId),
    /// The same, because the person's account is removed: whenever that is.
    RemovedBuyer(UserId),
    /// A member of the event's organizer, whose permission the caller has checked, whenever that is.
    Organizer {
        /// What the buyer is told.
        reason: String,
    },
}

/// The outcome of an attempt to cancel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CancelOutcome {
    /// The booking, cancelled now or by an earlier command.
    Cancelled(booking::Model),
    /// The event has started.
    Closed(Arc<event::Model>),
    /// A ticket of the booking was checked in.
    TicketUsed(Arc<event::Model>),
}

impl CommandScope for Cancel {
    fn event_id(&self) -> EventId {
        self.event_id
    }

    fn add_needed_bookings(&self, needed: &mut NeededBookings, _is_retry: bool) {
        needed.by_id.push(self.booking_id);
    }

    fn add_checked_bookings(&self, ids: &mut Vec<BookingId>) {
        match self.by {
            Canceller::Buyer(_) => ids.push(self.booking_id),
            Canceller::RemovedBuyer(_) | Canceller::Organizer { .. } => {}
        }
    }

    fn only_takes_tickets(&self) -> bool {
        false
    }
}

impl Command for Cancel {
    type Outcome = CancelOutcome;

    fn decide(&self, ledger: &mut Ledger) -> Result<CancelOutcome, Rejection> {
        let user_id = match self.by {
            Canceller::Buyer(user_id) | Canceller::RemovedBuyer(user_id) => Some(user_id),
            Canceller::Organizer { .. } => None,
        };
        // Another user's booking looks like one that does not exist.
        let booking = ledger
            .booking(self.booking_id)
            .filter(|booking| user_id.is_none_or(|user_id| booking.user_id == user_id))
            .ok_or(Rejection::NoSuchBooking)?
            .clone();
        if booking.status == booking::Status::Cancelled {
            return Ok(CancelOutcome::Cancelled(booking));
        }
        let event = ledger.event(booking.event_id).ok_or(Rejection::NoSuchEvent)?;
        let (by, reason) = match &self.by {
            Canceller::Buyer(_) if has_started(event, ledger.now()) => {
                return Ok(CancelOutcome::Closed(Arc::clone(event)));
            }
            // Else, somebody goes in and gives the ticket back.
            Canceller::Buyer(_) if ledger.highest_used_ticket(booking.id).is_some() => {
                return Ok(CancelOutcome::TicketUsed(Arc::clone(event)));
            }
            Canceller::Buyer(_) | Canceller::RemovedBuyer(_) => (booking::CancelledBy::Buyer, None),
            Canceller::Organizer { reason } => {
                (booking::CancelledBy::Organizer, Some(reason.clone()))
            }
        };
        Ok(CancelOutcome::Cancelled(ledger.cancel_booking(booking, by, reason)))
    }

    fn only_refuses(decision: &Result<CancelOutcome, Rejection>) -> bool {
        match decision {
            Ok(CancelOutcome::Cancelled(_)) => false,
            Ok(CancelOutcome::Closed(_) | CancelOutcome::TicketUsed(_)) | Err(_) => true,
        }
    }

    fn label(outcome: &CancelOutcome) -> &'static str {
        match outcome {
            CancelOutcome::Cancelled(_) => "cancelled",
            CancelOutcome::Closed(_) => "closed",
            CancelOutcome::TicketUsed(_) => "checked_in",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{
        super::world::{booked, world},
        *,
    };

    #[test]
    fn a_booking_with_a_used_ticket_is_cancelled_only_by_the_organizer() {
        let world = world(5);
        let booking = booked(world.ledger(vec![]).decide(&world.book(0, 2, None)));
        let decide = |by: Canceller| {
            let used = HashMap::from([(booking.id, 1)]);
            let mut ledger = world.ledger(vec![booking.clone()]).with_used_tickets(used);
            ledger.decide(&Cancel { by, ..world.cancel(0, &booking) })
        };
        let by_buyer = decide(Canceller::Buyer(booking.user_id));
        assert!(matches!(by_buyer, Ok(CancelOutcome::TicketUsed(_))), "{by_buyer:?}");
        assert!(Cancel::only_refuses(&by_buyer));
        for by in [
            Canceller::RemovedBuyer(booking.user_id),
            Canceller::Organizer { reason: "Fraud.".to_owned() },
        ] {
            assert!(matches!(decide(by), Ok(CancelOutcome::Cancelled(_))));
        }
    }
}
