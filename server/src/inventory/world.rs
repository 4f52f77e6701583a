//! An event and people, for the tests of commands.

use chrono::{DateTime, Duration, Utc};
use rowlock_entities::{BookingId, OrganizerId, UserId, booking, event};

use super::{
    book::{Book, BookOutcome},
    cancel::{Cancel, Canceller},
    cancel_event::CancelEvent,
    change::{Change, ChangeOutcome},
    command::{Command, Rejection},
    edit_event::{Edit, EditEvent},
    ledger::Ledger,
};
use crate::events::{EventChanges, draft, published};

/// What is in the database.
pub(super) struct World {
    pub(super) now: DateTime<Utc>,
    pub(super) users: Vec<UserId>,
    pub(super) event: event::Model,
}

/// Four people, and a published event with so many tickets that starts in a day.
pub(super) fn world(tickets: i32) -> World {
    let now = DateTime::UNIX_EPOCH;
    let values = EventChanges {
        title: Some("Concert".into()),
        venue: Some("Hall".into()),
        starts_at: Some(now + Duration::days(1)),
        total_tickets: Some(tickets),
        ..EventChanges::default()
    };
    let event = published(draft(OrganizerId::new(), None, &values, now));
    let users = (0..4).map(|_| UserId::new()).collect();
    World { now, users, event: event::Model { count_version: 7, ..event } }
}

impl World {
    /// A ledger with the event and these bookings, whose tickets the event's count already lacks.
    pub(super) fn ledger(&self, bookings: Vec<booking::Model>) -> Ledger {
        let users = self.users.iter().copied().collect();
        Ledger::new(self.now, Some(users), [self.event.clone()], bookings)
    }

    pub(super) fn book(&self, user: usize, quantity: i32, key: Option<&str>) -> Book {
        Book {
            booking_id: BookingId::new(),
            user_id: self.users[user],
            event_id: self.event.id,
            quantity,
            expected_price: None,
            idempotency_key: key.map(str::to_owned),
        }
    }

    pub(super) fn cancel(&self, user: usize, booking: &booking::Model) -> Cancel {
        Cancel {
            booking_id: booking.id,
            event_id: booking.event_id,
            by: Canceller::Buyer(self.users[user]),
        }
    }

    pub(super) fn change(&self, user: usize, booking: &booking::Model, quantity: i32) -> Change {
        Change {
            booking_id: booking.id,
            event_id: booking.event_id,
            user_id: self.users[user],
            quantity,
        }
    }

    /// An edit of the event from a revision.
    pub(super) fn edit(&self, revision: i32, changes: EventChanges) -> EditEvent {
        EditEvent { event_id: self.event.id, revision, edit: Edit::Values(Box::new(changes)) }
    }

    pub(super) fn publish(&self, revision: i32) -> EditEvent {
        EditEvent { event_id: self.event.id, revision, edit: Edit::Publish }
    }

    pub(super) fn cancel_event(&self) -> CancelEvent {
        CancelEvent { event_id: self.event.id, reason: "Rain.".to_owned() }
    }
}

impl Ledger {
    pub(super) fn decide<C: Command>(&mut self, command: &C) -> Result<C::Outcome, Rejection> {
        command.decide(self)
    }
}

pub(super) fn booked(decision: Result<BookOutcome, Rejection>) -> booking::Model {
    match decision {
        Ok(BookOutcome::Booked(booking)) => booking,
        other => panic!("not booked: {other:?}"),
    }
}

pub(super) fn changed(decision: Result<ChangeOutcome, Rejection>) -> booking::Model {
    match decision {
        Ok(ChangeOutcome::Changed(booking)) => booking,
        other => panic!("not changed: {other:?}"),
    }
}

/// Changes of the number of tickets.
pub(super) fn total(tickets: i32) -> EventChanges {
    EventChanges { total_tickets: Some(tickets), ..EventChanges::default() }
}
