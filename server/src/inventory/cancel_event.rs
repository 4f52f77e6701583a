//! Cancels an event: the event itself at once, and then its bookings, a part at a time.

use std::sync::Arc;

use rowlock_entities::{BookingId, EventId, booking, event};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    command::{Command, CommandScope, Rejection},
    edit_event::EditOutcome,
    ledger::Ledger,
    needed_bookings::{ConfirmedOfEvent, NeededBookings},
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

    fn add_needed_bookings(&self, _: &mut NeededBookings, _is_retry: bool) {}

    fn only_takes_tickets(&self) -> bool {
        false
    }
}

impl Command for CancelEvent {
    type Outcome = EditOutcome;

    /// A second cancellation changes nothing, whatever its reason is. Only if tickets are still
    /// booked, it asks for the job again, which somebody may have discarded.
    fn decide(&self, ledger: &mut Ledger) -> Result<EditOutcome, Rejection> {
        let event = ledger.event(self.event_id).ok_or(Rejection::NoSuchEvent)?;
        if event.status == event::Status::Cancelled {
            let event = Arc::clone(event);
            if event.remaining_tickets < event.total_tickets {
                ledger.ask_to_cancel_bookings(event.id);
            }
            return Ok(EditOutcome::Edited(event));
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
    /// The last booking that was cancelled. The bookings before it are not read again, so a part
    /// costs the same however many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Uuid>,
}

impl Job for CancelBookingsJob {
    const KIND: &'static str = "cancel_bookings_of_event";
    /// All cancellations together leave nine tenths of the time to those who book.
    const IS_EXCLUSIVE: bool = true;
}

impl CancelBookingsJob {
    pub(super) fn new(event_id: EventId) -> Self {
        Self { event_id: event_id.0, after: None }
    }

    pub(super) fn event_id(self) -> EventId {
        EventId(self.event_id)
    }

    /// The job with the bookings after this one, or with all of them.
    pub(crate) fn going_on_after(self, last: Option<BookingId>) -> Self {
        Self { after: last.map(|booking| booking.0), ..self }
    }

    pub(crate) fn is_at_start(self) -> bool {
        self.after.is_none()
    }

    /// Cancels the next bookings.
    pub(crate) fn next_part(self, limit: u32) -> CancelBookingsOfEvent {
        let after = self.after.map(BookingId);
        CancelBookingsOfEvent { event_id: self.event_id(), after, limit }
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
    /// Whether tickets of the event are still booked.
    pub(crate) are_more_booked: bool,
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
            return Ok(BookingsCancelled { count: 0, last: None, are_more_booked: false });
        }
        let bookings = ledger.confirmed_of_event(self.asked());
        let (count, last) = (bookings.len(), bookings.last().map(|booking| booking.id));
        for booking in bookings {
            ledger.cancel_booking(booking, booking::CancelledBy::Organizer, None);
        }
        let event = ledger.event(self.event_id).ok_or(Rejection::NoSuchEvent)?;
        let are_more_booked = event.remaining_tickets < event.total_tickets;
        Ok(BookingsCancelled { count, last, are_more_booked })
    }

    fn only_refuses(_: &Result<BookingsCancelled, Rejection>) -> bool {
        false
    }

    fn label(_: &BookingsCancelled) -> &'static str {
        "bookings_of_event_cancelled"
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            book::BookOutcome,
            cancel::CancelOutcome,
            world::{World, booked, world},
        },
        *,
    };
    use crate::events::ClosedReason;

    /// The event with the bookings of three people, in the order of their ids.
    fn with_bookings() -> (World, Vec<booking::Model>) {
        let mut world = world(9);
        let mut ledger = world.ledger(vec![]);
        let mut bookings: Vec<_> =
            (0..3).map(|user| booked(ledger.decide(&world.book(user, 2, None)))).collect();
        bookings.sort_by_key(|booking| booking.id);
        world.event.remaining_tickets = 3;
        (world, bookings)
    }

    #[test]
    fn cancelling_an_event_closes_it_and_leaves_the_bookings_to_a_job() {
        let (world, bookings) = with_bookings();
        let mut ledger = world.ledger(bookings);
        let decision = ledger.decide(&world.cancel_event());
        let Ok(EditOutcome::Edited(event)) = decision else { panic!("{decision:?}") };
        assert_eq!(event.status, event::Status::Cancelled);
        assert_eq!(event.cancellation_reason.as_deref(), Some("Rain."));
        assert_eq!((event.remaining_tickets, event.revision), (3, 2));
        let closed = ledger.decide(&world.book(3, 1, None));
        assert!(
            matches!(closed, Ok(BookOutcome::Closed(_, ClosedReason::Cancelled))),
            "{closed:?}"
        );
        let changes = ledger.into_changes();
        assert_eq!(changes.cancelled_events, [world.event.id]);
        assert!(changes.cancelled.is_empty());
    }

    #[test]
    fn a_second_cancellation_changes_nothing() {
        let (world, _) = with_bookings();
        let mut ledger = world.ledger(vec![]);
        let first = ledger.decide(&world.cancel_event());
        let again = CancelEvent { reason: "Snow.".to_owned(), ..world.cancel_event() };
        assert_eq!(ledger.decide(&again), first);
        let changes = ledger.into_changes();
        assert_eq!((changes.cancelled_events.len(), changes.edited_events[0].revision), (1, 2));
    }

    #[test]
    fn a_cancelled_draft_stays_unseen() {
        let mut world = world(9);
        (world.event.status, world.event.is_public) = (event::Status::Draft, false);
        let decision = world.ledger(vec![]).decide(&world.cancel_event());
        let Ok(EditOutcome::Edited(event)) = decision else { panic!("{decision:?}") };
        assert!(!event.is_public);
    }

    #[test]
    fn a_buyer_may_cancel_before_the_job_does() {
        let (world, bookings) = with_bookings();
        let mut ledger = world.ledger(bookings.clone());
        ledger.decide(&world.cancel_event()).unwrap();
        let user = world.users.iter().position(|user| *user == bookings[0].user_id).unwrap();
        let decision = ledger.decide(&world.cancel(user, &bookings[0]));
        let Ok(CancelOutcome::Cancelled(cancelled)) = decision else { panic!("{decision:?}") };
        assert_eq!(cancelled.cancelled_by, Some(booking::CancelledBy::Buyer));
        let all = CancelBookingsOfEvent { event_id: world.event.id, after: None, limit: 10 };
        assert_eq!(ledger.decide(&all).unwrap().count, 2);
        assert_eq!(ledger.into_changes().events[0].remaining_tickets, 9);
    }

    #[test]
    fn bookings_are_cancelled_a_part_at_a_time() {
        let (mut world, bookings) = with_bookings();
        world.event.status = event::Status::Cancelled;
        let mut ledger = world.ledger(bookings.clone());
        let mut part = CancelBookingsOfEvent { event_id: world.event.id, after: None, limit: 2 };
        let first = ledger.decide(&part).unwrap();
        let last = Some(bookings[1].id);
        assert_eq!(first, BookingsCancelled { count: 2, last, are_more_booked: true });
        part.after = first.last;
        let second = ledger.decide(&part).unwrap();
        let last = Some(bookings[2].id);
        assert_eq!(second, BookingsCancelled { count: 1, last, are_more_booked: false });
        part.after = second.last;
        let none = BookingsCancelled { count: 0, last: None, are_more_booked: false };
        assert_eq!(ledger.decide(&part).unwrap(), none);
        let changes = ledger.into_changes();
        assert_eq!(changes.events[0].remaining_tickets, 9);
        for booking in &changes.cancelled {
            assert_eq!(booking.cancelled_by, Some(booking::CancelledBy::Organizer));
            assert_eq!(booking.cancelled_at, Some(world.now));
        }
        assert_eq!(changes.cancelled.len(), 3);
    }

    #[test]
    fn bookings_of_an_event_that_takes_place_stay() {
        let (world, bookings) = with_bookings();
        let mut ledger = world.ledger(bookings);
        let all = CancelBookingsOfEvent { event_id: world.event.id, after: None, limit: 10 };
        assert_eq!(ledger.decide(&all).unwrap().count, 0);
        assert!(ledger.into_changes().is_empty());
    }
}
