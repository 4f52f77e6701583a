//! The rows that a batch of commands depends on, and the changes that their decisions make.
//!
//! The ledger is pure: it touches no database. A transaction fills it with the rows that it read
//! under its locks. The commands then decide one after another, and change it. In the end, it lists
//! the rows to write.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use rowlock_entities::{
    BookingId, EventId, OrganizerId, UserId, booking,
    cover::{self, Hash},
    event, event_reminder,
};

use super::{
    mails::{Announced, TIME_BEFORE_REMINDER},
    needed_bookings::ConfirmedOfEvent,
};
use crate::covers::NewCover;

/// Events, bookings and users as they are after the decisions so far.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    now: DateTime<Utc>,
    /// The users that exist. `None` if they were not read: then every user counts as existing, and
    /// the database refuses the others.
    users: Option<HashSet<UserId>>,
    events: BTreeMap<EventId, Arc<event::Model>>,
    bookings: HashMap<BookingId, booking::Model>,
    confirmed: HashMap<(UserId, EventId), BookingId>,
    by_idempotency_key: HashMap<(UserId, EventId, String), BookingId>,
    added: Vec<BookingId>,
    cancelled: Vec<BookingId>,
    /// The bookings with another number of tickets.
    changed: BTreeSet<BookingId>,
    changed_events: HashSet<EventId>,
    edited_events: HashSet<EventId>,
    retitled_events: HashSet<EventId>,
    added_events: Vec<event::Model>,
    /// The events whose bookings a job must cancel.
    cancelled_events: HashSet<EventId>,
    /// What people with tickets of an event were told about it before it was edited.
    announced: BTreeMap<EventId, Announced>,
    /// The names and texts of covers.
    covers: HashMap<EventId, (Hash, String)>,
    changed_covers: HashMap<EventId, Option<NewCover>>,
    /// The highest number of a ticket that was checked in, for bookings that have one.
    used_tickets: HashMap<BookingId, i32>,
    /// Those of the commands' organizers that have no members.
    deserted: HashSet<OrganizerId>,
}

/// The changes that a batch's decisions make.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) added: Vec<booking::Model>,
    pub(super) cancelled: Vec<booking::Model>,
    /// The bookings with another number of tickets, also among those that are added or cancelled.
    pub(super) changed: Vec<booking::Model>,
    /// The events whose counts or versions changed, in the order of their ids.
    pub(super) events: Vec<Arc<event::Model>>,
    /// Those of them with other values, too.
    pub(super) edited_events: Vec<Arc<event::Model>>,
    /// Those with another text that searches look in.
    pub(super) retitled_events: Vec<EventId>,
    pub(super) added_events: Vec<event::Model>,
    /// The events whose bookings a job must cancel.
    pub(super) cancelled_events: Vec<EventId>,
    /// The events that are not any more what people with tickets were told.
    pub(super) announced: Vec<(EventId, Announced)>,
    /// Those of them that were moved into the next day. The mail about that is their reminder, too.
    pub(super) reminded: Vec<event_reminder::Model>,
    /// The events with other covers, or with none any more.
    pub(super) covers: Vec<(EventId, Option<NewCover>)>,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        // A booking that is added, changed or cancelled changes a count, and a cover changes its event's version.
        self.events.is_empty() && self.added_events.is_empty() && self.cancelled_events.is_empty()
    }
}

impl Ledger {
    /// `bookings` and `users` must be read after `events` were locked. A ledger that is used only
    /// to refuse may be filled without locks.
    pub(super) fn new(
        now: DateTime<Utc>,
        users: Option<HashSet<UserId>>,
        events: impl IntoIterator<Item = event::Model>,
        bookings: impl IntoIterator<Item = booking::Model>,
    ) -> Self {
        let mut ledger = Self {
            now,
            users,
            events: events.into_iter().map(|event| (event.id, Arc::new(event))).collect(),
            bookings: HashMap::new(),
            confirmed: HashMap::new(),
            by_idempotency_key: HashMap::new(),
            added: Vec::new(),
            cancelled: Vec::new(),
            changed: BTreeSet::new(),
            changed_events: HashSet::new(),
            edited_events: HashSet::new(),
            retitled_events: HashSet::new(),
            added_events: Vec::new(),
            cancelled_events: HashSet::new(),
            announced: BTreeMap::new(),
            covers: HashMap::new(),
            changed_covers: HashMap::new(),
            used_tickets: HashMap::new(),
            deserted: HashSet::new(),
        };
        for booking in bookings {
            ledger.index(booking);
        }
        ledger
    }

    /// Adds the covers of events, read after these were locked.
    pub(super) fn with_covers(mut self, covers: Vec<cover::Model>) -> Self {
        let covers = covers.into_iter().map(|cover| (cover.event_id, (cover.hash, cover.alt)));
        self.covers = covers.collect();
        self
    }

    /// Adds the highest number of a ticket that was checked in, for bookings that have one, read
    /// after these bookings were locked.
    pub(super) fn with_used_tickets(mut self, numbers: HashMap<BookingId, i32>) -> Self {
        self.used_tickets = numbers;
        self
    }

    /// Adds those of the commands' organizers that have no members. The others keep theirs until the
    /// transaction ends.
    pub(super) fn with_deserted(mut self, organizers: HashSet<OrganizerId>) -> Self {
        self.deserted = organizers;
        self
    }

    /// The time at which the whole batch is decided.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    pub(super) fn user_exists(&self, user_id: UserId) -> bool {
        self.users.as_ref().is_none_or(|users| users.contains(&user_id))
    }

    /// Whether nobody is a member of the organizer any more.
    pub(super) fn is_deserted(&self, organizer: OrganizerId) -> bool {
        self.deserted.contains(&organizer)
    }

    pub(super) fn events(&self) -> impl Iterator<Item = &event::Model> {
        self.events.values().map(Arc::as_ref)
    }

    pub(super) fn event(&self, event_id: EventId) -> Option<&Arc<event::Model>> {
        self.events.get(&event_id)
    }

    pub(super) fn booking(&self, booking_id: BookingId) -> Option<&booking::Model> {
        self.bookings.get(&booking_id)
    }

    pub(super) fn confirmed_booking(
        &self,
        user_id: UserId,
        event_id: EventId,
    ) -> Option<&booking::Model> {
        self.booking(*self.confirmed.get(&(user_id, event_id))?)
    }

    pub(super) fn booking_with_key(
        &self,
        user_id: UserId,
        event_id: EventId,
        key: &str,
    ) -> Option<&booking::Model> {
        self.booking(*self.by_idempotency_key.get(&(user_id, event_id, key.to_owned()))?)
    }

    /// The first `limit` confirmed bookings of an event after a given one, in the order of their ids,
    /// among those that were read.
    pub(super) fn confirmed_of_event(&self, asked: ConfirmedOfEvent) -> Vec<booking::Model> {
        let ConfirmedOfEvent { event_id, after, limit } = asked;
        let mut found: Vec<&booking::Model> = self
            .bookings
            .values()
            .filter(|booking| booking.event_id == event_id && Some(booking.id) > after)
            .filter(|booking| booking.status == booking::Status::Confirmed)
            .collect();
        found.sort_unstable_by_key(|booking| booking.id);
        found.into_iter().take(limit as usize).cloned().collect()
    }

    /// The highest number of a booking's tickets that were checked in.
    pub(super) fn highest_used_ticket(&self, booking_id: BookingId) -> Option<i32> {
        self.used_tickets.get(&booking_id).copied()
    }

    /// Whether any decision so far has changed this event or its count.
    pub(super) fn has_changed(&self, event_id: EventId) -> bool {
        self.changed_events.contains(&event_id)
    }

    /// Adds a confirmed booking and takes its tickets from its event.
    pub(super) fn add_booking(&mut self, booking: booking::Model) {
        self.change_remaining(booking.event_id, -booking.quantity);
        self.added.push(booking.id);
        self.index(booking);
    }

    /// Cancels a booking if it is confirmed, and gives its tickets back to its event. Returns the
    /// booking as it is then.
    pub(super) fn cancel_booking(
        &mut self,
        mut booking: booking::Model,
        by: booking::CancelledBy,
        reason: Option<String>,
    ) -> booking::Model {
        match booking.status {
            booking::Status::Confirmed => {}
            booking::Status::Cancelled => return booking,
        }
        booking.status = booking::Status::Cancelled;
        booking.cancelled_at = Some(self.now);
        booking.cancelled_by = Some(by);
        booking.cancellation_reason = reason;
        self.change_remaining(booking.event_id, booking.quantity);
        self.confirmed.remove(&(booking.user_id, booking.event_id));
        self.bookings.insert(booking.id, booking.clone());
        // A booking that this batch added is inserted as cancelled.
        if !self.added.contains(&booking.id) {
            self.cancelled.push(booking.id);
        }
        booking
    }

    /// Gives a booking another number of tickets if it is confirmed, and takes the difference from
    /// its event. Remembers the number that was booked at first. Returns the booking as it is then.
    pub(super) fn change_quantity(
        &mut self,
        mut booking: booking::Model,
        quantity: i32,
    ) -> booking::Model {
        match booking.status {
            booking::Status::Confirmed => {}
            booking::Status::Cancelled => return booking,
        }
        booking.booked_quantity = Some(booking.requested_quantity());
        self.change_remaining(booking.event_id, booking.quantity - quantity);
        booking.quantity = quantity;
        self.bookings.insert(booking.id, booking.clone());
        self.changed.insert(booking.id);
        booking
    }

    /// Adds an event, which has no bookings.
    pub(super) fn add_event(&mut self, event: event::Model) {
        self.added_events.push(event);
    }

    /// Replaces the values of an event, and counts the edit. The count follows the total. Returns
    /// the event as it is then.
    pub(super) fn edit_event(&mut self, values: event::Model) -> Arc<event::Model> {
        let id = values.id;
        let Some(known) = self.events.get_mut(&id) else { return Arc::new(values) };
        let event = Arc::make_mut(known);
        if (&values.title, &values.venue, &values.city) != (&event.title, &event.venue, &event.city)
        {
            self.retitled_events.insert(id);
        }
        let is_cancelled_now =
            values.status == event::Status::Cancelled && event.status != event::Status::Cancelled;
        let is_told = event.status == event::Status::Published
            && values.status == event::Status::Published
            && event.starts_at.max(values.starts_at) > self.now
            && event.remaining_tickets < event.total_tickets;
        if is_told {
            self.announced.entry(id).or_insert_with(|| Announced::of(event));
        }
        *event = event::Model {
            remaining_tickets: event.remaining_tickets + values.total_tickets - event.total_tickets,
            count_version: event.count_version,
            revision: event.revision + 1,
            ..values
        };
        self.edited_events.insert(id);
        if is_cancelled_now {
            self.ask_to_cancel_bookings(id);
        }
        self.change_remaining(id, 0);
        Arc::clone(&self.events[&id])
    }

    /// Whether this is the cover of an event, or the event has none if this is `None`.
    pub(super) fn has_cover(&self, event_id: EventId, cover: Option<&NewCover>) -> bool {
        let known = self.covers.get(&event_id).map(|(hash, alt)| (*hash, alt));
        known == cover.map(|cover| (cover.hash, &cover.alt))
    }

    /// Gives an event a cover, or takes it away, and counts the edit. Returns the event as it is
    /// then.
    pub(super) fn set_cover(
        &mut self,
        event: event::Model,
        cover: Option<NewCover>,
    ) -> Arc<event::Model> {
        match &cover {
            Some(cover) => self.covers.insert(event.id, (cover.hash, cover.alt.clone())),
            None => self.covers.remove(&event.id),
        };
        self.changed_covers.insert(event.id, cover);
        self.edit_event(event)
    }

    /// Has a job cancel the bookings of an event.
    pub(super) fn ask_to_cancel_bookings(&mut self, event_id: EventId) {
        self.cancelled_events.insert(event_id);
    }

    pub(super) fn into_changes(self) -> Changes {
        let Self { bookings, events, changed_events, edited_events, .. } = self;
        let rows = |ids: Vec<BookingId>| -> Vec<booking::Model> {
            ids.iter().filter_map(|id| bookings.get(id).cloned()).collect()
        };
        let is_other = |(id, before): &(EventId, Announced)| {
            events.get(id).is_some_and(|event| {
                event.status == event::Status::Published && Announced::of(event) != *before
            })
        };
        let announced: Vec<(EventId, Announced)> =
            self.announced.into_iter().filter(is_other).collect();
        let next_day = self.now..=self.now + TIME_BEFORE_REMINDER;
        let reminder = |(id, before): &(EventId, Announced)| {
            let starts_at = events.get(id)?.starts_at;
            let is_reminder = starts_at != before.starts_at && next_day.contains(&starts_at);
            let row = event_reminder::Model { event_id: *id, starts_at, created_at: self.now };
            is_reminder.then_some(row)
        };
        let of = |ids: &HashSet<EventId>| -> Vec<Arc<event::Model>> {
            events.values().filter(|event| ids.contains(&event.id)).map(Arc::clone).collect()
        };
        Changes {
            added: rows(self.added),
            cancelled: rows(self.cancelled),
            changed: rows(self.changed.into_iter().collect()),
            events: of(&changed_events),
            edited_events: of(&edited_events),
            retitled_events: self.retitled_events.into_iter().collect(),
            added_events: self.added_events,
            cancelled_events: self.cancelled_events.into_iter().collect(),
            reminded: announced.iter().filter_map(reminder).collect(),
            announced,
            covers: self.changed_covers.into_iter().collect(),
        }
    }

    /// Changes an event's count. The version grows once for the whole batch, because nobody sees
    /// the counts in between.
    fn change_remaining(&mut self, event_id: EventId, by: i32) {
        let Some(event) = self.events.get_mut(&event_id).map(Arc::make_mut) else { return };
        event.remaining_tickets += by;
        if self.changed_events.insert(event_id) {
            event.count_version += 1;
        }
    }

    fn index(&mut self, booking: booking::Model) {
        if booking.status == booking::Status::Confirmed {
            self.confirmed.insert((booking.user_id, booking.event_id), booking.id);
        }
        if let Some(key) = &booking.idempotency_key {
            let of_event = (booking.user_id, booking.event_id, key.clone());
            self.by_idempotency_key.insert(of_event, booking.id);
        }
        self.bookings.insert(booking.id, booking);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            cancel::CancelOutcome,
            world::{booked, world},
        },
        *,
    };
    use crate::{
        events::ClosedReason,
        inventory::{BookOutcome, Rejection},
    };

    #[test]
    fn a_batch_is_served_first_come_first_served() {
        let world = world(2);
        let mut ledger = world.ledger(vec![]);
        booked(ledger.decide(&world.book(0, 1, None)));
        booked(ledger.decide(&world.book(1, 1, None)));
        assert!(matches!(ledger.decide(&world.book(2, 1, None)), Ok(BookOutcome::SoldOut(_))));

        let changes = ledger.into_changes();
        assert_eq!(changes.added.len(), 2);
        assert_eq!(changes.events.len(), 1);
        assert_eq!(changes.events[0].remaining_tickets, 0);
        assert_eq!(changes.events[0].count_version, 8, "one transaction is one version");
    }

    #[test]
    fn a_request_too_large_is_refused_and_a_smaller_one_behind_it_is_served() {
        let world = world(2);
        let mut ledger = world.ledger(vec![]);
        let Ok(BookOutcome::SoldOut(event)) = ledger.decide(&world.book(0, 3, None)) else {
            panic!()
        };
        assert_eq!(event.remaining_tickets, 2);
        booked(ledger.decide(&world.book(1, 2, None)));
    }

    #[test]
    fn nothing_changes_when_everything_is_refused() {
        let mut world = world(5);
        world.event.starts_at = world.now;
        let mut ledger = world.ledger(vec![]);
        assert!(matches!(
            ledger.decide(&world.book(0, 1, None)),
            Ok(BookOutcome::Closed(_, ClosedReason::Started))
        ));
        let changes = ledger.into_changes();
        assert!(changes.added.is_empty() && changes.events.is_empty());
    }

    #[test]
    fn a_second_booking_is_refused_until_the_first_is_cancelled() {
        let world = world(5);
        let mut ledger = world.ledger(vec![]);
        let first = booked(ledger.decide(&world.book(0, 1, None)));
        let again = ledger.decide(&world.book(0, 1, None));
        assert_eq!(again, Ok(BookOutcome::AlreadyBooked(first.clone())));

        let mut ledger = world.ledger(vec![first.clone()]);
        let cancelled = ledger.decide(&world.cancel(0, &first));
        assert!(matches!(cancelled, Ok(CancelOutcome::Cancelled(_))));
        assert_ne!(booked(ledger.decide(&world.book(0, 2, None))).id, first.id);
        let changes = ledger.into_changes();
        assert_eq!(changes.cancelled[0].id, first.id);
        assert_eq!(changes.events[0].remaining_tickets, 5 + 1 - 2);
    }

    #[test]
    fn cancelling_twice_returns_the_tickets_once() {
        let world = world(5);
        let mut ledger = world.ledger(vec![]);
        let booking = booked(ledger.decide(&world.book(0, 3, None)));
        let mut ledger = world.ledger(vec![booking.clone()]);
        let first = ledger.decide(&world.cancel(0, &booking));
        assert_eq!(ledger.decide(&world.cancel(0, &booking)), first);
        assert_eq!(ledger.into_changes().events[0].remaining_tickets, 8);
    }

    #[test]
    fn the_ledger_itself_returns_the_tickets_of_a_booking_once() {
        let world = world(5);
        let booking = booked(world.ledger(vec![]).decide(&world.book(0, 3, None)));
        let mut ledger = world.ledger(vec![booking.clone()]);
        let by = booking::CancelledBy::Organizer;
        let cancelled = ledger.cancel_booking(booking, by, None);
        assert_eq!(ledger.cancel_booking(cancelled.clone(), by, None), cancelled);
        assert_eq!(ledger.into_changes().events[0].remaining_tickets, 8);
    }

    #[test]
    fn another_users_booking_is_not_found() {
        let world = world(5);
        let mut ledger = world.ledger(vec![]);
        let booking = booked(ledger.decide(&world.book(0, 1, None)));
        assert_eq!(ledger.decide(&world.cancel(1, &booking)), Err(Rejection::NoSuchBooking));
    }

    #[test]
    fn a_key_books_once_and_only_for_the_same_request() {
        let mut world = world(5);
        let mut ledger = world.ledger(vec![]);
        let first = booked(ledger.decide(&world.book(0, 1, Some("k"))));
        assert_eq!(booked(ledger.decide(&world.book(0, 1, Some("k")))), first);
        let reused = ledger.decide(&world.book(0, 2, Some("k")));
        assert_eq!(reused, Err(Rejection::IdempotencyKeyReused));
        booked(ledger.decide(&world.book(1, 1, Some("k"))));

        // This holds also after the booking was cancelled, and after the event started.
        let mut ledger = world.ledger(vec![first.clone()]);
        ledger.decide(&world.cancel(0, &first)).unwrap();
        let replayed = booked(ledger.decide(&world.book(0, 1, Some("k"))));
        assert_eq!((replayed.id, replayed.status), (first.id, booking::Status::Cancelled));
        world.event.starts_at = world.now;
        let mut ledger = world.ledger(vec![first.clone()]);
        assert_eq!(booked(ledger.decide(&world.book(0, 1, Some("k")))), first);
    }

    #[test]
    fn a_repeated_attempt_finds_the_booking_that_the_first_one_committed() {
        let world = world(5);
        let request = world.book(0, 1, None);
        let first = booked(world.ledger(vec![]).decide(&request));
        let mut second_attempt = world.ledger(vec![first.clone()]);
        assert_eq!(booked(second_attempt.decide(&request)), first);
        assert!(second_attempt.into_changes().added.is_empty());
    }

    #[test]
    fn a_deleted_user_books_nothing() {
        let mut world = world(5);
        let request = world.book(0, 1, None);
        world.users.clear();
        assert_eq!(world.ledger(vec![]).decide(&request), Err(Rejection::NoSuchUser));
    }
}
