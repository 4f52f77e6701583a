//! The state of the user's booking of each event, and booking.
//!
//! It outlives pages, so the outcome of a booking is shown even after the user has left the page.

use std::collections::HashMap;

use cynic::Id;
use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::{
    bookings::{BookEventInput, BookEventResult, book_event},
    events::Event,
};

use crate::{
    api::live::LiveCounts,
    booking::{BookingOutcome, IdempotencyKeys},
    browser::random_key,
    session::{Session, Viewer},
    toasts::{Toast, Toasts, Tone},
};

/// The state of the user's booking of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BookingState {
    NotBooked,
    /// The request has been sent.
    Pending,
    Booked {
        quantity: i32,
    },
    /// The server said that the event has started.
    Closed,
}

/// The number of state changes at the time when a read began. An event that changed later keeps its
/// state, because the read's answer may be older.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadStamp(u32);

/// An event's state, and the number of its last change by the user.
#[derive(Clone)]
struct Entry {
    state: ArcRwSignal<BookingState>,
    last_change: u32,
}

/// A `Copy` handle to the states of all events.
#[derive(Clone, Copy)]
pub(crate) struct MyBookings {
    session: Session,
    live: LiveCounts,
    toasts: Toasts,
    entries: StoredValue<HashMap<Id, Entry>>,
    state_changes: StoredValue<u32>,
    bookings_made: RwSignal<u32>,
    keys: StoredValue<IdempotencyKeys>,
}

impl MyBookings {
    pub(crate) fn provide(session: Session, live: LiveCounts, toasts: Toasts) {
        provide_context(Self {
            session,
            live,
            toasts,
            entries: StoredValue::default(),
            state_changes: StoredValue::default(),
            bookings_made: RwSignal::new(0),
            keys: StoredValue::default(),
        });
    }

    pub(crate) fn from_context() -> Self {
        expect_context()
    }

    /// How often the user has booked here, or has booked or cancelled in another tab. A list of
    /// bookings that was read before is out of date then.
    pub(crate) fn change_count(self) -> u32 {
        self.bookings_made.get().wrapping_add(self.session.changes_in_other_tabs())
    }

    /// Take it before sending a query, for [`Self::update_from_read`].
    pub(crate) fn read_stamp(self) -> ReadStamp {
        ReadStamp(self.state_changes.get_value())
    }

    pub(crate) fn state_of(self, event_id: &Id) -> ArcRwSignal<BookingState> {
        self.entry(event_id).state
    }

    /// Takes the state of an event from a query that was sent at `read_stamp`.
    pub(crate) fn update_from_read(self, event: &Event, read_stamp: ReadStamp) {
        let entry = self.entry(&event.id);
        if entry.state.get_untracked() == BookingState::Pending || entry.last_change > read_stamp.0
        {
            return;
        }
        if event.my_booking.is_some() {
            self.keys.write_value().forget(event.id.inner());
        }
        entry.state.set(match &event.my_booking {
            Some(booking) => BookingState::Booked { quantity: booking.quantity },
            None => BookingState::NotBooked,
        });
    }

    pub(crate) fn set_cancelled(self, event_id: &Id) {
        self.keys.write_value().forget(event_id.inner());
        self.set_state(event_id, BookingState::NotBooked);
        self.session.tell_tabs_bookings_changed();
    }

    /// Forgets everything, because the user has changed. Queries drop answers for the previous user
    /// themselves.
    pub(crate) fn clear(self) {
        self.keys.set_value(IdempotencyKeys::default());
        for entry in self.entries.read_value().values() {
            entry.state.set(BookingState::NotBooked);
        }
    }

    /// Books for the signed-in user and shows the outcome.
    pub(crate) fn book(self, event_id: Id, title: String, quantity: i32) {
        self.toasts.dismiss_about_event(event_id.inner());
        self.set_state(&event_id, BookingState::Pending);
        let viewer = self.session.viewer_untracked();
        spawn_local(async move {
            let mut outcome = self.attempt(&event_id, quantity, &viewer).await;
            if outcome == BookingOutcome::StaleKey {
                // The stale key is forgotten, so this attempt gets a new one.
                outcome = self.attempt(&event_id, quantity, &viewer).await;
            }
            if self.session.viewer_untracked() == viewer {
                let state = match &outcome {
                    BookingOutcome::Booked { quantity }
                    | BookingOutcome::AlreadyBooked { quantity } => {
                        BookingState::Booked { quantity: *quantity }
                    }
                    BookingOutcome::Closed(_) => BookingState::Closed,
                    BookingOutcome::StaleKey
                    | BookingOutcome::SoldOut { .. }
                    | BookingOutcome::SignedOut
                    | BookingOutcome::RateLimited(_)
                    | BookingOutcome::Unknown => BookingState::NotBooked,
                };
                self.set_state(&event_id, state);
                if let BookingOutcome::Booked { .. } = outcome {
                    self.bookings_made.update(|count| *count += 1);
                    self.session.tell_tabs_bookings_changed();
                }
            }
            let tone = match outcome {
                BookingOutcome::Booked { .. } => Tone::Success,
                BookingOutcome::AlreadyBooked { .. } => Tone::Info,
                BookingOutcome::StaleKey
                | BookingOutcome::SoldOut { .. }
                | BookingOutcome::Closed(_)
                | BookingOutcome::SignedOut
                | BookingOutcome::RateLimited(_)
                | BookingOutcome::Unknown => Tone::Error,
            };
            let toast = Toast::new(tone, outcome.message(&title)).about_event(event_id.inner());
            self.toasts.show(match outcome {
                BookingOutcome::Booked { .. } | BookingOutcome::AlreadyBooked { .. } => {
                    let state = self.state_of(&event_id);
                    toast.while_true(move || matches!(state.get(), BookingState::Booked { .. }))
                }
                BookingOutcome::SoldOut { left } => {
                    let count = self.live.count_of(&event_id);
                    toast.while_true(move || count.get().remaining() <= left).on_this_page()
                }
                _ => toast.on_this_page(),
            });
        });
    }

    async fn attempt(self, event_id: &Id, quantity: i32, viewer: &Viewer) -> BookingOutcome {
        let key = self.keys.write_value().key_for(event_id.inner(), quantity, random_key);
        let input =
            BookEventInput { event_id: event_id.clone(), quantity, idempotency_key: Some(key) };
        let answer = self.session.run(&book_event(input)).await.map(|data| data.book_event);
        // While the socket is up, live counts say the same.
        let count = match &answer {
            Ok(BookEventResult::BookEventSuccess(success)) => Some(&success.booking.event),
            Ok(BookEventResult::AlreadyBooked(refusal)) => Some(&refusal.booking.event),
            Ok(BookEventResult::SoldOut(refusal)) => Some(&refusal.event),
            Ok(BookEventResult::BookingClosed(_) | BookEventResult::Other) | Err(_) => None,
        };
        if let Some(count) = count {
            self.live.set_from_query(event_id, count.remaining_tickets, count.total_tickets);
        }
        let outcome = BookingOutcome::from(answer);
        // After a change of user, the keys belong to somebody else.
        if self.session.viewer_untracked() == *viewer {
            self.keys.write_value().forget_if_settled(event_id.inner(), &outcome);
        }
        outcome
    }

    fn set_state(self, event_id: &Id, state: BookingState) {
        let last_change = self.state_changes.get_value() + 1;
        self.state_changes.set_value(last_change);
        let entry = Entry { last_change, ..self.entry(event_id) };
        self.entries.write_value().insert(event_id.clone(), entry.clone());
        entry.state.set(state);
    }

    fn entry(self, event_id: &Id) -> Entry {
        let new = || Entry { state: ArcRwSignal::new(BookingState::NotBooked), last_change: 0 };
        self.entries.write_value().entry(event_id.clone()).or_insert_with(new).clone()
    }
}
