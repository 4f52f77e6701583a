//! Books tickets of one event for one user.

use std::sync::Arc;

use rowlock_entities::{BookingId, EventId, UserId, booking, event};

use super::{
    command::{Command, CommandScope, Rejection},
    ledger::Ledger,
    needed_bookings::NeededBookings,
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
            needed.by_idempotency_key.push((self.user_id, self.event_id, key.clone()));
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
            && let Some(first) = ledger.booking_with_key(self.user_id, self.event_id, key)
        {
            return match first.requested_quantity() == self.quantity {
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
            booked_quantity: None,
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
                | Rejection::NoMembers
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

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::{
        super::world::{booked, world},
        *,
    };

    #[test]
    fn tickets_are_sold_from_the_start_of_the_sale_until_its_end() {
        let mut world = world(5);
        let opens = world.now;
        (world.event.sales_start_at, world.event.sales_end_at) =
            (Some(opens), Some(opens + Duration::hours(2)));
        let moment = Duration::microseconds(1);
        for (after, expected) in [
            (-moment, Some(ClosedReason::NotYetOnSale)),
            (Duration::zero(), None),
            (Duration::hours(2) - moment, None),
            (Duration::hours(2), Some(ClosedReason::SaleEnded)),
            (Duration::days(1), Some(ClosedReason::Started)),
        ] {
            world.now = opens + after;
            let decision = world.ledger(vec![]).decide(&world.book(0, 1, None));
            match (decision, expected) {
                (Ok(BookOutcome::Booked(_)), None) => {}
                (Ok(BookOutcome::Closed(_, reason)), Some(expected)) => {
                    assert_eq!(reason, expected, "{after}");
                }
                (other, _) => panic!("{after}: {other:?}"),
            }
        }
        world.event.status = event::Status::Cancelled;
        let decision = world.ledger(vec![]).decide(&world.book(0, 1, None));
        assert!(matches!(decision, Ok(BookOutcome::Closed(_, ClosedReason::Cancelled))));
    }

    #[test]
    fn a_draft_is_not_there() {
        let mut world = world(5);
        (world.event.status, world.event.is_public) = (event::Status::Draft, false);
        let decision = world.ledger(vec![]).decide(&world.book(0, 1, None));
        assert_eq!(decision, Err(Rejection::NoSuchEvent));
    }

    #[test]
    fn a_booking_keeps_the_price_that_its_buyer_expected() {
        let mut world = world(5);
        (world.event.price_minor, world.event.currency) = (4_990, "EUR".to_owned());
        let expecting = |minor, currency: &str| Book {
            expected_price: Some(Price { minor, currency: currency.to_owned() }),
            ..world.book(0, 2, None)
        };
        let mut ledger = world.ledger(vec![]);
        for wrong in [expecting(4_991, "EUR"), expecting(4_990, "USD"), expecting(0, "EUR")] {
            let decision = ledger.decide(&wrong);
            assert!(matches!(decision, Ok(BookOutcome::PriceChanged(_))), "{decision:?}");
        }
        let booking = booked(ledger.decide(&expecting(4_990, "EUR")));
        assert_eq!((booking.unit_price_minor, booking.currency.as_str()), (4_990, "EUR"));
        let free = world.ledger(vec![]).decide(&world.book(1, 1, None));
        assert_eq!(booked(free).unit_price_minor, 4_990, "who expects none accepts any");
    }

    #[test]
    fn who_can_not_have_the_tickets_need_not_learn_of_another_price() {
        let world = world(2);
        let book = Book {
            expected_price: Some(Price { minor: 7, currency: "EUR".to_owned() }),
            ..world.book(0, 3, None)
        };
        let decision = world.ledger(vec![]).decide(&book);
        assert!(matches!(decision, Ok(BookOutcome::SoldOut(_))), "{decision:?}");
    }

    #[test]
    fn one_booking_has_at_most_the_events_number_of_tickets() {
        let mut world = world(9);
        world.event.max_per_booking = 2;
        let mut ledger = world.ledger(vec![]);
        let too_many = Err(Rejection::TooManyTickets { max: 2 });
        assert_eq!(ledger.decide(&world.book(0, 3, None)), too_many);
        let first = booked(ledger.decide(&world.book(0, 2, None)));
        let second = ledger.decide(&world.book(0, 3, None));
        assert_eq!(second, Ok(BookOutcome::AlreadyBooked(first)));
    }

    #[test]
    fn a_repeated_request_gets_its_booking_after_the_sale_and_at_another_price() {
        let mut world = world(9);
        let first = booked(world.ledger(vec![]).decide(&world.book(0, 3, Some("k"))));
        world.event.max_per_booking = 2;
        world.event.sales_end_at = Some(world.now);
        world.event.price_minor += 1;
        let mut ledger = world.ledger(vec![first.clone()]);
        let again = Book {
            expected_price: Some(Price { minor: 0, currency: "EUR".to_owned() }),
            ..world.book(0, 3, Some("k"))
        };
        assert_eq!(booked(ledger.decide(&again)), first);
    }
}
