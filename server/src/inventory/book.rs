//! Books tickets of one event for one user.

use std::sync::Arc;

use rowlock_entities::{BookingId, EventId, UserId, booking, event};

use super::{
    command::{Command, CommandScope, NeededBookings, Rejection},
    ledger::Ledger,
};
use crate::events::{ClosedReason, Price, closed_reason};

/// Books `quantity` tickets: all of them or none.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    /// Chosen before the transaction, so that a second attempt finds the booking that the first one
    /// committed.
    pub(crate) booking_id: BookingId,
    pub(crate) user_id: UserId,
    pub(crate) event_id: EventId,
    pub(crate) quantity: i32,
    /// The price of one ticket that the user has seen. `None` accepts any.
    pub(crate) expected_price: Option<Price>,
    pub(crate) idempotency_key: Option<String>,
}

/// The outcome of an attempt to book.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum BookOutcome {
    /// The booking, made now or by an earlier attempt of the same request.
    Booked(booking::Model),
    /// Fewer tickets are left than were requested.
    SoldOut(Arc<event::Model>),
    /// The user's confirmed booking of this event.
    AlreadyBooked(booking::Model),
    /// The event is not on sale.
    Closed(Arc<event::Model>, ClosedReason),
    /// A ticket has another price than the one that was expected.
    PriceChanged(Arc<event::Model>),
}

impl CommandScope for Book {
    fn event_id(&self) -> EventId {
        self.event_id
    }

    fn user_id(&self) -> Option<UserId> {
        Some(self.user_id)
    }

    fn add_needed_bookings(&self, needed: &mut NeededBookings, is_retry: bool) {
        needed.confirmed.push((self.user_id, self.event_id));
        if let Some(key) = &self.idempotency_key {
            needed.by_idempotency_key.push((self.user_id, key.clone()));
        }
        if is_retry {
            needed.by_id.push(self.booking_id);
        }
    }

    fn only_takes_tickets(&self) -> bool {
        true
    }
}

impl Command for Book {
    type Outcome = BookOutcome;

    /// The order of the checks is part of the API: a repeated request gets its booking even after
    /// the event started, and a second booking is reported before a sold-out event. Whoever can't
    /// have the tickets anyway need not learn of another price.
    fn decide(&self, ledger: &mut Ledger) -> Result<BookOutcome, Rejection> {
        if !ledger.user_exists(self.user_id) {
            return Err(Rejection::NoSuchUser);
        }
        // An earlier attempt of this request committed, and its answer was lost.
        if let Some(booking) = ledger.booking(self.booking_id) {
            return Ok(BookOutcome::Booked(booking.clone()));
        }
        if let Some(key) = &self.idempotency_key
            && let Some(first) = ledger.booking_with_key(self.user_id, key)
        {
            let is_same = first.event_id == self.event_id && first.quantity == self.quantity;
            return match is_same {
                true => Ok(BookOutcome::Booked(first.clone())),
                false => Err(Rejection::IdempotencyKeyReused),
            };
        }
        let event = ledger.event(self.event_id).ok_or(Rejection::NoSuchEvent)?;
        if event.status == event::Status::Draft {
            return Err(Rejection::NoSuchEvent);
        }
        if let Some(reason) = closed_reason(event, ledger.now()) {
            return Ok(BookOutcome::Closed(Arc::clone(event), reason));
        }
        if let Some(booking) = ledger.confirmed_booking(self.user_id, self.event_id) {
            return Ok(BookOutcome::AlreadyBooked(booking.clone()));
        }
        if self.quantity > event.max_per_booking {
            return Err(Rejection::TooManyTickets { max: event.max_per_booking });
        }
        if event.remaining_tickets < self.quantity {
            return Ok(BookOutcome::SoldOut(Arc::clone(event)));
        }
        if self.expected_price.as_ref().is_some_and(|expected| !expected.is_price_of(event)) {
            return Ok(BookOutcome::PriceChanged(Arc::clone(event)));
        }
        let booking = booking::Model {
            id: self.booking_id,
            event_id: self.event_id,
            user_id: self.user_id,
            quantity: self.quantity,
            status: booking::Status::Confirmed,
            unit_price_minor: event.price_minor,
            currency: event.currency.clone(),
            idempotency_key: self.idempotency_key.clone(),
            created_at: ledger.now(),
            cancelled_at: None,
            cancelled_by: None,
            cancellation_reason: None,
        };
        ledger.add_booking(booking.clone());
        Ok(BookOutcome::Booked(booking))
    }

    fn only_refuses(decision: &Result<BookOutcome, Rejection>) -> bool {
        match decision {
            Ok(
                BookOutcome::SoldOut(_) | BookOutcome::Closed(..) | BookOutcome::PriceChanged(_),
            ) => true,
            Ok(BookOutcome::Booked(_) | BookOutcome::AlreadyBooked(_)) => false,
            Err(
                Rejection::NoSuchEvent
                | Rejection::NoSuchBooking
                | Rejection::NoSuchUser
                | Rejection::TooManyTickets { .. },
            ) => true,
            // The first use of the key may be a command behind the lock.
            Err(Rejection::IdempotencyKeyReused) => false,
        }
    }

    fn label(outcome: &BookOutcome) -> &'static str {
        match outcome {
            BookOutcome::Booked(_) => "booked",
            BookOutcome::SoldOut(_) => "sold_out",
            BookOutcome::AlreadyBooked(_) => "already_booked",
            BookOutcome::Closed(..) => "closed",
            BookOutcome::PriceChanged(_) => "price_changed",
        }
    }
}
