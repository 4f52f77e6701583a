//! The booking desk: what the signed-in person has booked, as far as the page knows, and booking more.
//!
//! It outlives pages: who books and looks at something else meanwhile is still told what came of it.

use std::collections::HashMap;

use cynic::Id;
use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::{
    bookings::{BookEventInput, BookEventResult, book_event},
    events::Event,
};

use crate::{
    api::live::LiveCounts,
    booking::{Attempts, Outcome},
    browser::random_key,
    session::{Session, Viewer},
    toasts::{Toasts, Tone},
};

/// How the person stands with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    NotBooked,
    /// The server is being asked.
    Booking,
    Booked {
        quantity: i32,
    },
    /// The server said that it has started.
    Closed,
}

/// When something was asked, among what the desk came to know since: an answer is no news of what changed
/// after its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Asked(u32);

/// An event's standing, and when it changed by what the person did.
#[derive(Clone)]
struct Known {
    standing: ArcRwSignal<Standing>,
    changed: Asked,
}

/// A handle that is copied about.
#[derive(Clone, Copy)]
pub(crate) struct Desk {
    session: Session,
    live: LiveCounts,
    toasts: Toasts,
    known: StoredValue<HashMap<Id, Known>>,
    now: StoredValue<Asked>,
    booked: RwSignal<u32>,
    attempts: StoredValue<Attempts>,
}

impl Desk {
    pub(crate) fn provide(session: Session, live: LiveCounts, toasts: Toasts) {
        provide_context(Self {
            session,
            live,
            toasts,
            known: StoredValue::default(),
            now: StoredValue::default(),
            booked: RwSignal::new(0),
            attempts: StoredValue::default(),
        });
    }

    pub(crate) fn from_context() -> Self {
        expect_context()
    }

    /// Grows with each booking made here, or made or cancelled in another tab: what is read of bookings
    /// is old then.
    pub(crate) fn bookings_changed(self) -> u32 {
        self.booked.get().wrapping_add(self.session.changes_in_other_tabs())
    }

    /// To be taken before a query is sent, for [`Self::learn`].
    pub(crate) fn now(self) -> Asked {
        self.now.get_value()
    }

    pub(crate) fn standing(self, event_id: &Id) -> ArcRwSignal<Standing> {
        self.known(event_id).standing
    }

    /// Takes what a query has read that was sent then.
    pub(crate) fn learn(self, event: &Event, asked: Asked) {
        let known = self.known(&event.id);
        if known.standing.get_untracked() == Standing::Booking || known.changed > asked {
            return;
        }
        if event.my_booking.is_some() {
            self.attempts.write_value().forget(event.id.inner());
        }
        known.standing.set(match &event.my_booking {
            Some(booking) => Standing::Booked { quantity: booking.quantity },
            None => Standing::NotBooked,
        });
    }

    pub(crate) fn learn_cancelled(self, event_id: &Id) {
        self.attempts.write_value().forget(event_id.inner());
        self.change(event_id, Standing::NotBooked);
        self.session.tell_bookings_changed();
    }

    /// Somebody else looks at the page now. What was read for the one before is dropped where it is read.
    pub(crate) fn forget(self) {
        self.attempts.set_value(Attempts::default());
        for known in self.known.read_value().values() {
            known.standing.set(Standing::NotBooked);
        }
    }

    /// Books for the signed-in person and tells them what came of it.
    pub(crate) fn book(self, event_id: Id, title: String, quantity: i32) {
        self.change(&event_id, Standing::Booking);
        let viewer = self.session.viewer_now();
        spawn_local(async move {
            let mut outcome = self.ask(&event_id, quantity, &viewer).await;
            if outcome == Outcome::CancelledSince {
                // Its key is forgotten, so this is a new attempt.
                outcome = self.ask(&event_id, quantity, &viewer).await;
            }
            if self.session.viewer_now() == viewer {
                let standing = match &outcome {
                    Outcome::Booked { quantity } | Outcome::AlreadyBooked { quantity } => {
                        Standing::Booked { quantity: *quantity }
                    }
                    Outcome::Closed(_) => Standing::Closed,
                    _ => Standing::NotBooked,
                };
                self.change(&event_id, standing);
                if let Outcome::Booked { .. } = outcome {
                    self.booked.update(|times| *times += 1);
                    self.session.tell_bookings_changed();
                }
            }
            let tone = match outcome {
                Outcome::Booked { .. } => Tone::Good,
                Outcome::AlreadyBooked { .. } => Tone::Plain,
                _ => Tone::Bad,
            };
            self.toasts.show(tone, outcome.message(&title));
        });
    }

    async fn ask(self, event_id: &Id, quantity: i32, viewer: &Viewer) -> Outcome {
        let key = self.attempts.write_value().key(event_id.inner(), quantity, random_key);
        let input =
            BookEventInput { event_id: event_id.clone(), quantity, idempotency_key: Some(key) };
        let answer = self.session.run(&book_event(input)).await.map(|data| data.book_event);
        // Live counts say so too, where the socket is up.
        let count = match &answer {
            Ok(BookEventResult::BookEventSuccess(success)) => Some(&success.booking.event),
            Ok(BookEventResult::AlreadyBooked(refusal)) => Some(&refusal.booking.event),
            Ok(BookEventResult::SoldOut(refusal)) => Some(&refusal.event),
            _ => None,
        };
        if let Some(count) = count {
            self.live.read(event_id, count.remaining_tickets, count.total_tickets);
        }
        let outcome = Outcome::from(answer);
        // Another person's attempts are no business of this one.
        if self.session.viewer_now() == *viewer {
            self.attempts.write_value().settle(event_id.inner(), &outcome);
        }
        outcome
    }

    fn change(self, event_id: &Id, standing: Standing) {
        let Asked(before) = self.now.get_value();
        let changed = Asked(before + 1);
        self.now.set_value(changed);
        let known = Known { changed, ..self.known(event_id) };
        self.known.write_value().insert(event_id.clone(), known.clone());
        known.standing.set(standing);
    }

    fn known(self, event_id: &Id) -> Known {
        let unknown =
            || Known { standing: ArcRwSignal::new(Standing::NotBooked), changed: Asked::default() };
        self.known.write_value().entry(event_id.clone()).or_insert_with(unknown).clone()
    }
}
