//! Decides a batch of requests, first come first served, from what their transaction read under its
//! locks. Pure: it touches no database, and says what must be written.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use rowlock_entities::{BookingId, EventId, UserId, booking, event};

/// What one caller wants.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Book(BookRequest),
    Cancel(CancelRequest),
}

#[derive(Clone, Debug)]
pub(crate) struct BookRequest {
    /// Made before the transaction, so that a second attempt finds what a first one left, and no
    /// lost connection leaves doubt.
    pub(crate) booking_id: BookingId,
    pub(crate) user_id: UserId,
    pub(crate) event_id: EventId,
    pub(crate) quantity: i32,
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct CancelRequest {
    pub(crate) booking_id: BookingId,
    /// The booking's, which never changes.
    pub(crate) event_id: EventId,
    pub(crate) user_id: UserId,
}

impl Request {
    pub(crate) fn event_id(&self) -> EventId {
        match self {
            Self::Book(request) => request.event_id,
            Self::Cancel(request) => request.event_id,
        }
    }
}

/// What one caller gets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Booked now, or by an earlier attempt at the same.
    Booked(booking::Model),
    SoldOut(Arc<event::Model>),
    AlreadyBooked(booking::Model),
    Closed(Arc<event::Model>),
    Cancelled(booking::Model),
    NoSuchEvent,
    NoSuchBooking,
    NoSuchUser,
    /// The idempotency key belongs to a booking of another event or quantity.
    KeyReused,
}

/// The rows that a batch depends on, and how its decisions change them.
#[derive(Debug)]
pub(crate) struct Ledger {
    now: DateTime<Utc>,
    /// Those that exist; `None` when that was not read, and each counts as existing.
    users: Option<HashSet<UserId>>,
    events: BTreeMap<EventId, Arc<event::Model>>,
    bookings: HashMap<BookingId, booking::Model>,
    confirmed: HashMap<(UserId, EventId), BookingId>,
    keys: HashMap<(UserId, String), BookingId>,
    inserted: Vec<BookingId>,
    cancelled: Vec<BookingId>,
    changed: HashSet<EventId>,
}

/// What a batch's decisions come to.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) inserted: Vec<booking::Model>,
    pub(crate) cancelled: Vec<booking::Model>,
    /// With their new counts and versions, in the order of their ids.
    pub(crate) events: Vec<Arc<event::Model>>,
}

impl Ledger {
    /// `bookings` and `users` were read after `events` were locked, or, for refusals only, read.
    pub(crate) fn new(
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
            keys: HashMap::new(),
            inserted: Vec::new(),
            cancelled: Vec::new(),
            changed: HashSet::new(),
        };
        for booking in bookings {
            ledger.enter(booking);
        }
        ledger
    }

    /// The events as they are by now.
    pub(crate) fn events(&self) -> impl Iterator<Item = &event::Model> {
        self.events.values().map(Arc::as_ref)
    }

    /// Whether a decision so far changed this event's count.
    pub(crate) fn has_changed(&self, event_id: EventId) -> bool {
        self.changed.contains(&event_id)
    }

    /// Decides one request; later ones see what it changed.
    pub(crate) fn decide(&mut self, request: &Request) -> Outcome {
        match request {
            Request::Book(request) => self.book(request),
            Request::Cancel(request) => self.cancel(request),
        }
    }

    pub(crate) fn into_changes(self) -> Changes {
        let Self { bookings, events, changed, .. } = self;
        let rows = |ids: Vec<BookingId>| -> Vec<booking::Model> {
            ids.iter().filter_map(|id| bookings.get(id).cloned()).collect()
        };
        Changes {
            inserted: rows(self.inserted),
            cancelled: rows(self.cancelled),
            events: events.into_values().filter(|event| changed.contains(&event.id)).collect(),
        }
    }

    fn book(&mut self, request: &BookRequest) -> Outcome {
        let BookRequest { booking_id, user_id, event_id, quantity, .. } = *request;
        if !self.exists(user_id) {
            return Outcome::NoSuchUser;
        }
        // An earlier attempt of this very request committed, and its answer was lost.
        if let Some(booking) = self.bookings.get(&booking_id) {
            return Outcome::Booked(booking.clone());
        }
        let key = request.idempotency_key.clone().map(|key| (user_id, key));
        if let Some(first) = key.as_ref().and_then(|key| self.keys.get(key)) {
            let first = &self.bookings[first];
            let same = first.event_id == event_id && first.quantity == quantity;
            return if same { Outcome::Booked(first.clone()) } else { Outcome::KeyReused };
        }
        let Some(event) = self.events.get_mut(&event_id) else { return Outcome::NoSuchEvent };
        if event.starts_at <= self.now {
            return Outcome::Closed(event.clone());
        }
        if let Some(booking) = self.confirmed.get(&(user_id, event_id)) {
            return Outcome::AlreadyBooked(self.bookings[booking].clone());
        }
        if event.remaining_tickets < quantity {
            return Outcome::SoldOut(event.clone());
        }

        Arc::make_mut(event).remaining_tickets -= quantity;
        self.mark_changed(event_id);
        let booking = booking::Model {
            id: booking_id,
            event_id,
            user_id,
            quantity,
            status: booking::Status::Confirmed,
            idempotency_key: request.idempotency_key.clone(),
            created_at: self.now,
            cancelled_at: None,
        };
        self.inserted.push(booking_id);
        self.enter(booking.clone());
        Outcome::Booked(booking)
    }

    fn cancel(&mut self, request: &CancelRequest) -> Outcome {
        if !self.exists(request.user_id) {
            return Outcome::NoSuchUser;
        }
        let booking = self.bookings.get_mut(&request.booking_id);
        // Whose booking it is stays hidden: another's is as good as none.
        let Some(booking) = booking.filter(|booking| booking.user_id == request.user_id) else {
            return Outcome::NoSuchBooking;
        };
        if booking.status == booking::Status::Cancelled {
            return Outcome::Cancelled(booking.clone());
        }
        let Some(event) = self.events.get_mut(&booking.event_id) else {
            return Outcome::NoSuchEvent;
        };
        if event.starts_at <= self.now {
            return Outcome::Closed(event.clone());
        }

        booking.status = booking::Status::Cancelled;
        booking.cancelled_at = Some(self.now);
        let booking = booking.clone();
        Arc::make_mut(event).remaining_tickets += booking.quantity;
        self.mark_changed(booking.event_id);
        self.confirmed.remove(&(booking.user_id, booking.event_id));
        // One that this batch inserts is inserted as it is by then.
        if !self.inserted.contains(&booking.id) {
            self.cancelled.push(booking.id);
        }
        Outcome::Cancelled(booking)
    }

    fn exists(&self, user_id: UserId) -> bool {
        self.users.as_ref().is_none_or(|users| users.contains(&user_id))
    }

    fn enter(&mut self, booking: booking::Model) {
        if booking.status == booking::Status::Confirmed {
            self.confirmed.insert((booking.user_id, booking.event_id), booking.id);
        }
        if let Some(key) = &booking.idempotency_key {
            self.keys.insert((booking.user_id, key.clone()), booking.id);
        }
        self.bookings.insert(booking.id, booking);
    }

    /// A version counts transactions, not bookings: the count in between is seen by nobody.
    fn mark_changed(&mut self, event_id: EventId) {
        if self.changed.insert(event_id)
            && let Some(event) = self.events.get_mut(&event_id)
        {
            Arc::make_mut(event).count_version += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    struct World {
        now: DateTime<Utc>,
        users: Vec<UserId>,
        event: event::Model,
    }

    fn world(tickets: i32) -> World {
        let now = DateTime::UNIX_EPOCH;
        World {
            now,
            users: (0..4).map(|_| UserId::new()).collect(),
            event: event::Model {
                id: EventId::new(),
                title: "Concert".into(),
                title_key: "concert".into(),
                description: String::new(),
                venue: String::new(),
                starts_at: now + Duration::days(1),
                total_tickets: tickets,
                remaining_tickets: tickets,
                count_version: 7,
                price_minor: 0,
                currency: "EUR".into(),
                created_at: now,
            },
        }
    }

    impl World {
        fn ledger(&self, bookings: Vec<booking::Model>) -> Ledger {
            let users = self.users.iter().copied().collect();
            Ledger::new(self.now, Some(users), [self.event.clone()], bookings)
        }

        fn book(&self, user: usize, quantity: i32, key: Option<&str>) -> Request {
            Request::Book(BookRequest {
                booking_id: BookingId::new(),
                user_id: self.users[user],
                event_id: self.event.id,
                quantity,
                idempotency_key: key.map(str::to_owned),
            })
        }

        fn cancel(&self, user: usize, booking: &booking::Model) -> Request {
            Request::Cancel(CancelRequest {
                booking_id: booking.id,
                event_id: booking.event_id,
                user_id: self.users[user],
            })
        }
    }

    fn booked(outcome: Outcome) -> booking::Model {
        match outcome {
            Outcome::Booked(booking) => booking,
            other => panic!("not booked: {other:?}"),
        }
    }

    #[test]
    fn a_batch_is_served_first_come_first_served() {
        let world = world(2);
        let mut ledger = world.ledger(vec![]);
        booked(ledger.decide(&world.book(0, 1, None)));
        booked(ledger.decide(&world.book(1, 1, None)));
        assert!(matches!(ledger.decide(&world.book(2, 1, None)), Outcome::SoldOut(_)));

        let changes = ledger.into_changes();
        assert_eq!(changes.inserted.len(), 2);
        assert_eq!(changes.events.len(), 1);
        assert_eq!(changes.events[0].remaining_tickets, 0);
        assert_eq!(changes.events[0].count_version, 8, "one transaction is one version");
    }

    #[test]
    fn a_request_too_large_is_refused_and_a_smaller_one_behind_it_is_served() {
        let world = world(2);
        let mut ledger = world.ledger(vec![]);
        let Outcome::SoldOut(event) = ledger.decide(&world.book(0, 3, None)) else { panic!() };
        assert_eq!(event.remaining_tickets, 2);
        booked(ledger.decide(&world.book(1, 2, None)));
    }

    #[test]
    fn nothing_changes_when_everything_is_refused() {
        let mut world = world(5);
        world.event.starts_at = world.now;
        let mut ledger = world.ledger(vec![]);
        assert!(matches!(ledger.decide(&world.book(0, 1, None)), Outcome::Closed(_)));
        let changes = ledger.into_changes();
        assert!(changes.inserted.is_empty() && changes.events.is_empty());
    }

    #[test]
    fn a_second_booking_is_refused_until_the_first_is_cancelled() {
        let world = world(5);
        let mut ledger = world.ledger(vec![]);
        let first = booked(ledger.decide(&world.book(0, 1, None)));
        let again = ledger.decide(&world.book(0, 1, None));
        assert_eq!(again, Outcome::AlreadyBooked(first.clone()));

        let mut ledger = world.ledger(vec![first.clone()]);
        assert!(matches!(ledger.decide(&world.cancel(0, &first)), Outcome::Cancelled(_)));
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
    fn another_users_booking_is_not_found() {
        let world = world(5);
        let mut ledger = world.ledger(vec![]);
        let booking = booked(ledger.decide(&world.book(0, 1, None)));
        assert_eq!(ledger.decide(&world.cancel(1, &booking)), Outcome::NoSuchBooking);
    }

    #[test]
    fn a_key_books_once_and_only_for_the_same_request() {
        let mut world = world(5);
        let mut ledger = world.ledger(vec![]);
        let first = booked(ledger.decide(&world.book(0, 1, Some("k"))));
        assert_eq!(booked(ledger.decide(&world.book(0, 1, Some("k")))), first);
        assert_eq!(ledger.decide(&world.book(0, 2, Some("k"))), Outcome::KeyReused);
        booked(ledger.decide(&world.book(1, 1, Some("k"))));

        // Also when it was cancelled since, and after the event started.
        let mut ledger = world.ledger(vec![first.clone()]);
        ledger.decide(&world.cancel(0, &first));
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
        assert!(second_attempt.into_changes().inserted.is_empty());
    }

    #[test]
    fn a_deleted_user_books_nothing() {
        let mut world = world(5);
        let request = world.book(0, 1, None);
        world.users.clear();
        assert_eq!(world.ledger(vec![]).decide(&request), Outcome::NoSuchUser);
    }
}
