//! The state of the user's booking of each event, and booking.
//!
//! It outlives pages, so the outcome of a booking is shown even after the user has left the page.
//! Attempts whose outcome is not known also outlive a reload of the tab.

mod attempts;
mod booking;
mod cancellation;
mod change;
mod shortage;

use cynic::Id;
use js_sys::Date;
use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::{
    bookings::{Booking, BookingStatus},
    events::{Event, MyBooking},
};

use crate::{
    api::{details::LiveDetails, live::LiveCounts},
    booking::BookingOutcome,
    browser::session_storage,
    repetition::History,
    session::{Session, SessionUser, Viewer},
    toasts::{Toast, Toasts, Tone},
};
use attempts::Attempts;

/// Holds the attempts whose outcome is not known, for a reload of the tab.
const STORAGE_KEY: &str = "rowlock.attempts";

/// The state of the user's booking of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BookingState {
    NotBooked,
    /// The request has been sent.
    Pending,
    /// The answer was lost, and the server is being asked again.
    Checking,
    /// No answer came in time, so the tickets may be booked.
    Unknown {
        quantity: i32,
    },
    Booked {
        quantity: i32,
    },
    /// The server said that the event takes no more bookings.
    Closed,
}

/// The time at which a read began, in changes of state: an event that changed later keeps its state,
/// because the read's answer may be older.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadStamp {
    state_changes: u32,
}

/// What is known about one event.
#[derive(Clone)]
struct Entry {
    event_id: Id,
    state: ArcRwSignal<BookingState>,
    /// The booking, where the state is that there is one.
    held: ArcRwSignal<Option<MyBooking>>,
    /// The number of the last change of the state from which older reads may differ.
    last_change: u32,
}

/// A `Copy` handle to the states of all events.
#[derive(Clone, Copy)]
pub(crate) struct MyBookings {
    session: Session,
    live: LiveCounts,
    details: LiveDetails,
    toasts: Toasts,
    entries: StoredValue<Vec<Entry>>,
    state_changes: StoredValue<u32>,
    bookings_made: RwSignal<u32>,
    attempts: StoredValue<Attempts>,
}

impl MyBookings {
    pub(crate) fn provide(
        session: Session,
        live: LiveCounts,
        details: LiveDetails,
        toasts: Toasts,
    ) -> Self {
        let my_bookings = Self {
            session,
            live,
            details,
            toasts,
            entries: StoredValue::default(),
            state_changes: StoredValue::default(),
            bookings_made: RwSignal::new(0),
            attempts: StoredValue::default(),
        };
        provide_context(my_bookings);
        // Without a session there is nobody to book for, and opening the storage takes a browser
        // some time.
        if session.viewer_untracked() == Viewer::Unknown {
            my_bookings.restore_attempts();
            my_bookings.show_attempts();
        }
        my_bookings
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
        ReadStamp { state_changes: self.state_changes.get_value() }
    }

    pub(crate) fn state_of(self, event_id: &Id) -> ArcRwSignal<BookingState> {
        self.entry(event_id).state
    }

    /// The user's booking of the event, where [`Self::state_of`] says that there is one.
    pub(crate) fn held_of(self, event_id: &Id) -> ArcRwSignal<Option<MyBooking>> {
        self.entry(event_id).held
    }

    /// Takes the state of an event from a query that was sent at `read_stamp`.
    pub(crate) fn update_from_read(
        self,
        event: &Event,
        my_booking: Option<&MyBooking>,
        read_stamp: ReadStamp,
    ) {
        let entry = self.entry(&event.id);
        if entry.last_change > read_stamp.state_changes {
            return;
        }
        // What the user has begun on the page stays if nothing has changed.
        if entry.held.with_untracked(|held| held.as_ref() != my_booking) {
            entry.held.set(my_booking.cloned());
        }
        match (entry.state.get_untracked(), my_booking) {
            // The answer is about to arrive.
            (BookingState::Pending, _) => {}
            // The attempt may still arrive at the server.
            (BookingState::Checking | BookingState::Unknown { .. }, None) => {}
            (BookingState::Checking | BookingState::Unknown { .. }, Some(booking)) => {
                self.settle_as_booked(&event.id, &event.title, booking.quantity);
            }
            (_, None) => entry.state.set(BookingState::NotBooked),
            (_, Some(booking)) => {
                entry.state.set(BookingState::Booked { quantity: booking.quantity });
            }
        }
    }

    /// Ends an open attempt of this event if a list that was requested at `read_stamp` has its
    /// booking.
    pub(crate) fn update_from_list(self, booking: &Booking, read_stamp: ReadStamp) {
        let Booking { id, reference, event, quantity, unit_price, status, .. } = booking;
        let entry = self.entry(&event.id);
        let is_open = matches!(
            entry.state.get_untracked(),
            BookingState::Checking | BookingState::Unknown { .. }
        );
        let is_newer = entry.last_change <= read_stamp.state_changes;
        if is_open && is_newer && *status == BookingStatus::Confirmed {
            let (id, reference, unit_price) = (id.clone(), reference.clone(), unit_price.clone());
            entry.held.set(Some(MyBooking { id, reference, quantity: *quantity, unit_price }));
            self.settle_as_booked(&event.id, &event.title, *quantity);
        }
    }

    fn settle_as_booked(self, event_id: &Id, title: &str, quantity: i32) {
        self.settle(event_id, BookingState::Booked { quantity });
        self.show_booked(event_id, Toast::new(Tone::Success, format!("{title} is booked.")));
    }

    pub(crate) fn set_cancelled(self, event_id: &Id) {
        self.settle(event_id, BookingState::NotBooked);
        self.session.tell_tabs_bookings_changed();
    }

    /// Lets the user try to book an event that was closed before it was edited.
    pub(crate) fn reopen(self, event_id: &Id) {
        let entry = self.entry(event_id);
        if entry.state.get_untracked() == BookingState::Closed {
            entry.state.set(BookingState::NotBooked);
        }
    }

    /// Forgets everything that belongs to the user before. Queries drop answers for that user
    /// themselves. Open attempts of the new user go on, except for those that were given up. Nobody
    /// who signs in expects that to book, so a session's end gives up all of them.
    pub(crate) fn change_viewer(self, viewer: &Viewer) {
        for entry in self.entries.read_value().iter() {
            entry.state.set(BookingState::NotBooked);
        }
        for attempt in self.attempts.read_value().all() {
            self.toasts.dismiss_about(&attempt.event_id);
        }
        let id = match viewer {
            Viewer::Unknown => return,
            Viewer::SignedOut => {
                self.restore_attempts();
                self.attempts.write_value().give_up_all();
                self.store_attempts();
                return;
            }
            Viewer::SignedIn(SessionUser { id, .. }) => id,
        };
        self.restore_attempts();
        self.attempts.write_value().keep_only_those_of(id);
        self.store_attempts();
        self.show_attempts();
        for attempt in self.attempts.get_value().all() {
            match attempt.is_given_up {
                true => {
                    let event_id = Id::new(&attempt.event_id);
                    self.show_outcome(attempt, &event_id, BookingOutcome::Unknown);
                }
                false => {
                    let (attempt, viewer) = (attempt.clone(), viewer.clone());
                    spawn_local(self.carry_out(attempt, History::MayBeDone, viewer));
                }
            }
        }
    }

    /// Reads the attempts that were open when the tab was reloaded.
    fn restore_attempts(self) {
        let stored = session_storage().and_then(|storage| storage.get_item(STORAGE_KEY).ok()?);
        if let Some(stored) = stored {
            self.attempts.set_value(Attempts::from_json(&stored, Date::now() as i64));
        }
    }

    /// Shows the attempts that go on without the user.
    fn show_attempts(self) {
        let attempts = self.attempts.get_value();
        for attempt in attempts.all().iter().filter(|attempt| !attempt.is_given_up) {
            self.show_checking(attempt);
        }
    }

    fn store_attempts(self) {
        let json = self.attempts.with_value(Attempts::to_json);
        let Some(storage) = session_storage() else { return };
        // It fails where storage is forbidden or full. The attempts then end with the page.
        let _ = match json {
            Some(json) => storage.set_item(STORAGE_KEY, &json),
            None => storage.remove_item(STORAGE_KEY),
        };
    }

    fn set_given_up(self, event_id: &Id, is_given_up: bool) {
        self.attempts.write_value().set_given_up(event_id.inner(), is_given_up);
        self.store_attempts();
    }

    /// The outcome of the event's attempt is known, or what was booked has changed since.
    fn settle(self, event_id: &Id, state: BookingState) {
        self.forget_attempt(event_id.inner());
        self.set_state(event_id, state);
    }

    fn forget_attempt(self, event_id: &str) {
        if self.attempts.with_value(|open| open.of_event(event_id).is_some()) {
            self.attempts.write_value().forget(event_id);
            self.store_attempts();
        }
    }

    fn set_state(self, event_id: &Id, state: BookingState) {
        let changed = self.entry(event_id).state;
        // An attempt whose answer is missing is still the same attempt. A read that began before the
        // answer was lost may tell its outcome.
        if !matches!(state, BookingState::Checking | BookingState::Unknown { .. }) {
            self.count_change(event_id);
        }
        changed.set(state);
    }

    fn count_change(self, event_id: &Id) {
        let last_change = self.state_changes.get_value() + 1;
        self.state_changes.set_value(last_change);
        let mut entries = self.entries.write_value();
        if let Some(entry) = entries.iter_mut().find(|entry| entry.event_id == *event_id) {
            entry.last_change = last_change;
        }
    }

    /// Shows a message that holds as long as the event is booked.
    fn show_booked(self, event_id: &Id, toast: Toast) {
        let state = self.state_of(event_id);
        let is_booked = move || matches!(state.get(), BookingState::Booked { .. });
        self.toasts.show(toast.about_event(event_id.inner()).while_true(is_booked));
    }

    fn entry(self, event_id: &Id) -> Entry {
        let known = self.entries.with_value(|entries| {
            entries.iter().find(|entry| entry.event_id == *event_id).cloned()
        });
        known.unwrap_or_else(|| {
            let state = ArcRwSignal::new(BookingState::NotBooked);
            let held = ArcRwSignal::new(None);
            let entry = Entry { event_id: event_id.clone(), state, held, last_change: 0 };
            self.entries.write_value().push(entry.clone());
            entry
        })
    }
}
