//! Changes the number of tickets of one booking.

use std::sync::Arc;

use rowlock_entities::{BookingId, EventId, UserId, booking, event};

use super::{
    command::{Command, CommandScope, Rejection},
    ledger::Ledger,
    needed_bookings::NeededBookings,
};
use crate::events::{ClosedReason, closed_reason};

/// Gives a booking `quantity` tickets, whatever their number was before.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) booking_id: BookingId,
    /// The booking's event, which never changes.
    pub(crate) event_id: EventId,
    /// The person who booked.
    pub(crate) user_id: UserId,
    /// From 1.
    pub(crate) quantity: i32,
}

/// The outcome of an attempt to change a booking.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ChangeOutcome {
    /// The booking with this number of tickets, which it has now or had before.
    Changed(booking::Model),
    /// Fewer tickets are left than the booking lacks.
    SoldOut(Arc<event::Model>),
    /// The event has started or was cancelled or, for more tickets, is not on sale.
    Closed(Arc<event::Model>, ClosedReason),
    /// A ticket that would be returned was checked in.
    TicketUsed(Arc<event::Model>),
    /// A ticket has another price than those of the booking, which can't have two.
    PriceChanged(Arc<event::Model>),
    /// The booking is cancelled.
    AlreadyCancelled(booking::Model),
}

impl CommandScope for Change {
    fn event_id(&self) -> EventId {
        self.event_id
    }

    fn user_id(&self) -> Option<UserId> {
        Some(self.user_id)
    }

    /// The database does not look at the user of a booking that is changed.
    fn looks_up_user(&self) -> bool {
        true
    }

    fn add_needed_bookings(&self, needed: &mut NeededBookings, _is_retry: bool) {
        needed.by_id.push(self.booking_id);
    }

    fn add_checked_bookings(&self, ids: &mut Vec<BookingId>) {
        ids.push(self.booking_id);
    }

    /// A read without a lock may see the count and the booking as they were at different moments. By
    /// both together, a change may look impossible that was possible all the time.
    fn only_takes_tickets(&self) -> bool {
        false
    }
}

impl Command for Change {
    type Outcome = ChangeOutcome;

    /// The order of the checks is part of the API. A repeated request finds the number that it has
    /// set, and succeeds even after the event started. The checks for more tickets have the order that
    /// they have for a new booking.
    fn decide(&self, ledger: &mut Ledger) -> Result<ChangeOutcome, Rejection> {
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
            return Ok(ChangeOutcome::AlreadyCancelled(booking));
        }
        if booking.quantity == self.quantity {
            return Ok(ChangeOutcome::Changed(booking));
        }
        let event = ledger.event(booking.event_id).ok_or(Rejection::NoSuchEvent)?;
        if event.status == event::Status::Draft {
            return Err(Rejection::NoSuchEvent);
        }
        let closed = closed_reason(event, ledger.now());
        if self.quantity < booking.quantity {
            let last_used = ledger.highest_used_ticket(booking.id);
            // Tickets can be returned while the event is not on sale, and whatever they cost now.
            return match closed {
                Some(reason @ (ClosedReason::Started | ClosedReason::Cancelled)) => {
                    Ok(ChangeOutcome::Closed(Arc::clone(event), reason))
                }
                // Else, somebody goes in and gives the ticket back.
                Some(ClosedReason::NotYetOnSale | ClosedReason::SaleEnded) | None
                    if last_used.is_some_and(|number| self.quantity < number) =>
                {
                    Ok(ChangeOutcome::TicketUsed(Arc::clone(event)))
                }
                Some(ClosedReason::NotYetOnSale | ClosedReason::SaleEnded) | None => {
                    Ok(ChangeOutcome::Changed(ledger.change_quantity(booking, self.quantity)))
                }
            };
        }
        if let Some(reason) = closed {
            return Ok(ChangeOutcome::Closed(Arc::clone(event), reason));
        }
        if self.quantity > event.max_per_booking {
            return Err(Rejection::TooManyTickets { max: event.max_per_booking });
        }
        if event.remaining_tickets < self.quantity - booking.quantity {
            return Ok(ChangeOutcome::SoldOut(Arc::clone(event)));
        }
        if booking.unit_price_minor != event.price_minor || booking.currency != event.currency {
            return Ok(ChangeOutcome::PriceChanged(Arc::clone(event)));
        }
        Ok(ChangeOutcome::Changed(ledger.change_quantity(booking, self.quantity)))
    }

    fn only_refuses(decision: &Result<ChangeOutcome, Rejection>) -> bool {
        match decision {
            Ok(
                ChangeOutcome::SoldOut(_)
                | ChangeOutcome::Closed(..)
                | ChangeOutcome::TicketUsed(_)
                | ChangeOutcome::PriceChanged(_),
            )
            | Err(_) => true,
            Ok(ChangeOutcome::Changed(_) | ChangeOutcome::AlreadyCancelled(_)) => false,
        }
    }

    fn label(outcome: &ChangeOutcome) -> &'static str {
        match outcome {
            ChangeOutcome::Changed(_) => "changed",
            ChangeOutcome::SoldOut(_) => "sold_out",
            ChangeOutcome::Closed(..) => "closed",
            ChangeOutcome::TicketUsed(_) => "checked_in",
            ChangeOutcome::PriceChanged(_) => "price_changed",
            ChangeOutcome::AlreadyCancelled(_) => "already_cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use chrono::Duration;

    use super::{
        super::{
            cancel::CancelOutcome,
            ledger::Changes,
            world::{World, booked, changed, world},
        },
        *,
    };
    use crate::inventory::BookOutcome;

    /// A world with so many tickets left, and the first person's booking of two more.
    fn world_with_booking(remaining: i32) -> (World, booking::Model) {
        let mut world = world(remaining + 2);
        let booking = booked(world.ledger(vec![]).decide(&world.book(0, 2, Some("k"))));
        world.event.remaining_tickets = remaining;
        (world, booking)
    }

    /// The tickets that are left of the only event, if they changed.
    fn remaining(changes: &Changes) -> Option<i32> {
        changes.events.first().map(|event| event.remaining_tickets)
    }

    #[test]
    fn more_tickets_are_taken_from_the_event_and_fewer_are_returned() {
        let (world, booking) = world_with_booking(5);
        for (quantity, left) in [(1, 6), (3, 4), (7, 0)] {
            let mut ledger = world.ledger(vec![booking.clone()]);
            let now = changed(ledger.decide(&world.change(0, &booking, quantity)));
            let expected = booking::Model { quantity, booked_quantity: Some(2), ..booking.clone() };
            assert_eq!(now, expected);
            let changes = ledger.into_changes();
            assert_eq!((remaining(&changes), changes.changed), (Some(left), vec![now]));
            assert!(changes.added.is_empty() && changes.cancelled.is_empty());
        }
    }

    #[test]
    fn the_same_number_changes_nothing_whatever_the_event_is() {
        let (mut world, booking) = world_with_booking(0);
        world.event.max_per_booking = 1;
        world.event.price_minor += 1;
        world.event.sales_end_at = Some(world.now);
        world.event.starts_at = world.now;
        for status in [event::Status::Published, event::Status::Cancelled, event::Status::Draft] {
            world.event.status = status;
            let mut ledger = world.ledger(vec![booking.clone()]);
            assert_eq!(changed(ledger.decide(&world.change(0, &booking, 2))), booking);
            assert!(ledger.into_changes().is_empty());
        }
    }

    #[test]
    fn a_booking_gets_all_of_the_further_tickets_or_none() {
        let (world, booking) = world_with_booking(1);
        let mut ledger = world.ledger(vec![booking.clone()]);
        let Ok(ChangeOutcome::SoldOut(event)) = ledger.decide(&world.change(0, &booking, 4)) else {
            panic!()
        };
        assert_eq!(event.remaining_tickets, 1);
        changed(ledger.decide(&world.change(0, &booking, 3)));
        assert_eq!(remaining(&ledger.into_changes()), Some(0));
    }

    #[test]
    fn another_users_booking_is_not_found() {
        let (mut world, booking) = world_with_booking(5);
        for quantity in [1, 2, 3] {
            let decision =
                world.ledger(vec![booking.clone()]).decide(&world.change(1, &booking, quantity));
            assert_eq!(decision, Err(Rejection::NoSuchBooking));
        }
        let change = world.change(0, &booking, 3);
        assert!(change.looks_up_user());
        world.users.clear();
        let decision = world.ledger(vec![booking]).decide(&change);
        assert_eq!(decision, Err(Rejection::NoSuchUser));
    }

    #[test]
    fn tickets_are_had_while_the_event_is_on_sale_and_returned_until_it_starts() {
        let (mut world, booking) = world_with_booking(5);
        let opens = world.now;
        (world.event.sales_start_at, world.event.sales_end_at) =
            (Some(opens), Some(opens + Duration::hours(2)));
        let moment = Duration::microseconds(1);
        let started = Some(ClosedReason::Started);
        for (after, for_more, for_fewer) in [
            (-moment, Some(ClosedReason::NotYetOnSale), None),
            (Duration::zero(), None, None),
            (Duration::hours(2) - moment, None, None),
            (Duration::hours(2), Some(ClosedReason::SaleEnded), None),
            (Duration::days(1) - moment, Some(ClosedReason::SaleEnded), None),
            (Duration::days(1), started, started),
        ] {
            world.now = opens + after;
            for (quantity, expected) in [(3, for_more), (1, for_fewer)] {
                let mut ledger = world.ledger(vec![booking.clone()]);
                let closed = match ledger.decide(&world.change(0, &booking, quantity)) {
                    Ok(ChangeOutcome::Changed(_)) => None,
                    Ok(ChangeOutcome::Closed(_, reason)) => Some(reason),
                    other => panic!("{after}: {other:?}"),
                };
                assert_eq!(closed, expected, "{after}: {quantity}");
            }
        }
    }

    #[test]
    fn a_booking_of_a_cancelled_event_or_a_draft_is_not_changed() {
        let (mut world, booking) = world_with_booking(5);
        for quantity in [1, 3] {
            world.event.status = event::Status::Cancelled;
            let change = world.change(0, &booking, quantity);
            let decision = world.ledger(vec![booking.clone()]).decide(&change);
            let closed = matches!(decision, Ok(ChangeOutcome::Closed(_, ClosedReason::Cancelled)));
            assert!(closed, "{decision:?}");
            world.event.status = event::Status::Draft;
            let decision = world.ledger(vec![booking.clone()]).decide(&change);
            assert_eq!(decision, Err(Rejection::NoSuchEvent));
        }
    }

    #[test]
    fn more_tickets_are_had_only_at_the_price_of_the_booking() {
        let (mut world, booking) = world_with_booking(5);
        let (price, currency) = (world.event.price_minor, world.event.currency.clone());
        for (other_price, other_currency) in [(price + 1, &*currency), (price, "XXX")] {
            world.event.price_minor = other_price;
            world.event.currency = other_currency.to_owned();
            let mut ledger = world.ledger(vec![booking.clone()]);
            let decision = ledger.decide(&world.change(0, &booking, 3));
            assert!(matches!(decision, Ok(ChangeOutcome::PriceChanged(_))), "{decision:?}");
            let fewer = changed(ledger.decide(&world.change(0, &booking, 1)));
            assert_eq!((fewer.unit_price_minor, fewer.currency), (price, currency.clone()));
        }
    }

    #[test]
    fn a_booking_that_has_more_tickets_than_it_may_have_now_can_return_some() {
        let (mut world, booking) = world_with_booking(5);
        let five = booking::Model { quantity: 5, ..booking };
        world.event.max_per_booking = 3;
        let mut ledger = world.ledger(vec![five.clone()]);
        let too_many = Err(Rejection::TooManyTickets { max: 3 });
        assert_eq!(ledger.decide(&world.change(0, &five, 6)), too_many);
        changed(ledger.decide(&world.change(0, &five, 4)));
        changed(ledger.decide(&world.change(0, &five, 2)));
        assert_eq!(ledger.decide(&world.change(0, &five, 4)), too_many);
        changed(ledger.decide(&world.change(0, &five, 3)));
    }

    #[test]
    fn fewer_tickets_than_the_highest_that_was_used_are_refused() {
        let (mut world, booking) = world_with_booking(5);
        let five = booking::Model { quantity: 5, ..booking };
        let decide = |world: &World, quantity| {
            let used = HashMap::from([(five.id, 3)]);
            let mut ledger = world.ledger(vec![five.clone()]).with_used_tickets(used);
            let decision = ledger.decide(&world.change(0, &five, quantity));
            (decision, ledger.into_changes().is_empty())
        };
        for quantity in [1, 2] {
            let (decision, is_unchanged) = decide(&world, quantity);
            assert!(matches!(decision, Ok(ChangeOutcome::TicketUsed(_))), "{decision:?}");
            assert!(is_unchanged && Change::only_refuses(&decision));
        }
        for quantity in 3..=6 {
            assert_eq!(changed(decide(&world, quantity).0).quantity, quantity);
        }
        world.event.starts_at = world.now;
        let closed =
            matches!(decide(&world, 2).0, Ok(ChangeOutcome::Closed(_, ClosedReason::Started)));
        assert!(closed, "the first reason is told");
    }

    #[test]
    fn a_cancelled_booking_stays_as_it_is() {
        let (world, booking) = world_with_booking(5);
        let mut ledger = world.ledger(vec![booking.clone()]);
        let Ok(CancelOutcome::Cancelled(cancelled)) = ledger.decide(&world.cancel(0, &booking))
        else {
            panic!()
        };
        for quantity in [1, 2, 3] {
            let decision = ledger.decide(&world.change(0, &booking, quantity));
            assert_eq!(decision, Ok(ChangeOutcome::AlreadyCancelled(cancelled.clone())));
        }
        assert_eq!(ledger.change_quantity(cancelled.clone(), 3), cancelled);
        assert_eq!(remaining(&ledger.into_changes()), Some(7));
    }

    #[test]
    fn a_booking_that_is_changed_twice_remembers_how_many_tickets_were_booked() {
        let (world, booking) = world_with_booking(5);
        let mut ledger = world.ledger(vec![booking.clone()]);
        changed(ledger.decide(&world.change(0, &booking, 4)));
        let twice = changed(ledger.decide(&world.change(0, &booking, 3)));
        let changes = ledger.into_changes();
        assert_eq!(remaining(&changes), Some(4));
        assert_eq!(changes.changed, std::slice::from_ref(&twice));

        // So the repeated request for the booking still finds it.
        let mut ledger = world.ledger(vec![twice.clone()]);
        assert_eq!(booked(ledger.decide(&world.book(0, 2, Some("k")))), twice);
        let other = ledger.decide(&world.book(0, 3, Some("k")));
        assert_eq!(other, Err(Rejection::IdempotencyKeyReused));
    }

    #[test]
    fn a_repeated_attempt_finds_the_number_that_the_first_one_committed() {
        let (mut world, booking) = world_with_booking(1);
        let change = world.change(0, &booking, 3);
        let first = changed(world.ledger(vec![booking]).decide(&change));
        world.event.remaining_tickets = 0;
        let mut second_attempt = world.ledger(vec![first.clone()]);
        assert_eq!(changed(second_attempt.decide(&change)), first);
        assert!(second_attempt.into_changes().is_empty());
    }

    #[test]
    fn a_booking_of_the_same_batch_is_stored_with_its_last_number_of_tickets() {
        let world = world(5);
        let mut ledger = world.ledger(vec![]);
        let booking = booked(ledger.decide(&world.book(0, 1, None)));
        let more = changed(ledger.decide(&world.change(0, &booking, 4)));
        assert_eq!(more.booked_quantity, Some(1));
        let changes = ledger.into_changes();
        assert_eq!(remaining(&changes), Some(1));
        assert_eq!((&*changes.added, &*changes.changed), (&[more.clone()][..], &[more][..]));
    }

    /// One request of a batch.
    #[derive(Clone, Copy, Debug)]
    enum Request {
        Book(usize, i32),
        Change(usize, i32),
        Cancel(usize),
    }

    /// Runs a batch for people of whom the first two have bookings, and returns what is stored.
    fn run(world: &World, before: &[booking::Model], batch: &[Request]) -> Vec<booking::Model> {
        let mut ledger = world.ledger(before.to_vec());
        for request in batch {
            match *request {
                Request::Book(user, quantity) => {
                    let decision = ledger.decide(&world.book(user, quantity, None));
                    assert!(!matches!(decision, Ok(BookOutcome::Closed(..)) | Err(_)));
                }
                Request::Change(user, quantity) => {
                    let change = world.change(user, &before[user], quantity);
                    ledger.decide(&change).unwrap();
                }
                Request::Cancel(user) => {
                    ledger.decide(&world.cancel(user, &before[user])).unwrap();
                }
            }
        }
        let changes = ledger.into_changes();
        let left = remaining(&changes).unwrap_or(world.event.remaining_tickets);
        let mut stored = before.to_vec();
        for row in changes.added.into_iter().chain(changes.cancelled).chain(changes.changed) {
            stored.retain(|booking| booking.id != row.id);
            stored.push(row);
        }
        let is_confirmed = |row: &&booking::Model| row.status == booking::Status::Confirmed;
        let taken: i32 = stored.iter().filter(is_confirmed).map(|row| row.quantity).sum();
        assert!(left >= 0, "{batch:?}");
        assert_eq!(left + taken, world.event.total_tickets, "{batch:?}");
        stored
    }

    #[test]
    fn no_order_of_requests_sells_a_ticket_twice_or_loses_one() {
        let mut world = world(6);
        let mut ledger = world.ledger(vec![]);
        let before =
            [(0, 2), (1, 1)].map(|(user, n)| booked(ledger.decide(&world.book(user, n, None))));
        world.event.remaining_tickets = 3;
        let requests = [
            Request::Change(0, 4),
            Request::Change(0, 1),
            Request::Cancel(0),
            Request::Change(1, 4),
            Request::Book(2, 2),
            Request::Book(0, 3),
        ];
        let mut last = Vec::new();
        for_each_order(&mut requests.to_vec(), 0, &mut |batch| {
            last.push(run(&world, &before, batch));
        });
        assert_eq!(last.len(), 720);
        let is_full = |stored: &Vec<booking::Model>| {
            stored.iter().any(|row| row.quantity == 4 && row.status == booking::Status::Confirmed)
        };
        assert!(last.iter().any(is_full), "some orders grant four tickets");
        assert!(!last.iter().all(is_full), "others refuse them");
    }

    fn for_each_order(
        requests: &mut Vec<Request>,
        fixed: usize,
        visit: &mut impl FnMut(&[Request]),
    ) {
        if fixed == requests.len() {
            return visit(requests);
        }
        for next in fixed..requests.len() {
            requests.swap(fixed, next);
            for_each_order(requests, fixed + 1, visit);
            requests.swap(fixed, next);
        }
    }
}
