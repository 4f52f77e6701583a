//! The booking desk: what the signed-in person has booked, as far as the page knows, and booking more.
//!
//! It outlives pages: who books and looks at something else meanwhile is still told what came of it.

use std::collections::HashMap;

use cynic::Id;
use leptos::{prelude::*, task::spawn_local};

use crate::{
    api::{
        live::LiveCounts,
        queries::{
            bookings::{BookEventInput, BookEventResult, book_event},
            events::Event,
        },
    },
    booking::{Attempts, Outcome},
    browser::random_key,
    components::toasts::{Toasts, Tone},
    session::Session,
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

/// A handle that is copied about.
#[derive(Clone, Copy)]
pub(crate) struct Desk {
    session: Session,
    live: LiveCounts,
    toasts: Toasts,
    standings: StoredValue<HashMap<Id, ArcRwSignal<Standing>>>,
    attempts: StoredValue<Attempts>,
}

impl Desk {
    pub(crate) fn provide(session: Session, live: LiveCounts, toasts: Toasts) {
        provide_context(Self {
            session,
            live,
            toasts,
            standings: StoredValue::default(),
            attempts: StoredValue::default(),
        });
    }

    pub(crate) fn from_context() -> Self {
        expect_context()
    }

    pub(crate) fn standing(self, event_id: &Id) -> ArcRwSignal<Standing> {
        let mut found = None;
        self.standings.update_value(|standings| {
            let fresh = || ArcRwSignal::new(Standing::NotBooked);
            found = Some(standings.entry(event_id.clone()).or_insert_with(fresh).clone());
        });
        found.unwrap_or_else(|| ArcRwSignal::new(Standing::NotBooked))
    }

    /// Takes what a query has just read.
    pub(crate) fn learn(self, event: &Event) {
        let standing = self.standing(&event.id);
        if standing.get_untracked() != Standing::Booking {
            standing.set(match &event.my_booking {
                Some(booking) => Standing::Booked { quantity: booking.quantity },
                None => Standing::NotBooked,
            });
        }
    }

    pub(crate) fn learn_cancelled(self, event_id: &Id) {
        self.standing(event_id).set(Standing::NotBooked);
    }

    /// Somebody else looks at the page now.
    pub(crate) fn forget(self) {
        self.attempts.set_value(Attempts::default());
        self.standings.with_value(|standings| {
            for standing in standings.values() {
                standing.set(Standing::NotBooked);
            }
        });
    }

    /// Books for the signed-in person and tells them what came of it.
    pub(crate) fn book(self, event_id: Id, title: String, quantity: i32) {
        let standing = self.standing(&event_id);
        standing.set(Standing::Booking);
        let viewer = self.session.viewer_now();
        spawn_local(async move {
            let outcome = self.ask(&event_id, quantity).await;
            if self.session.viewer_now() != viewer {
                return;
            }
            standing.set(match &outcome {
                Outcome::Booked { quantity } | Outcome::AlreadyBooked { quantity } => {
                    Standing::Booked { quantity: *quantity }
                }
                Outcome::Closed(_) => Standing::Closed,
                _ => Standing::NotBooked,
            });
            if let Some(message) = outcome.message(&title) {
                let tone = match outcome {
                    Outcome::Booked { .. } => Tone::Good,
                    Outcome::AlreadyBooked { .. } => Tone::Plain,
                    _ => Tone::Bad,
                };
                self.toasts.show(tone, message);
            }
        });
    }

    async fn ask(self, event_id: &Id, quantity: i32) -> Outcome {
        let mut key = String::new();
        self.attempts.update_value(|attempts| {
            key = attempts.key(event_id.inner(), quantity, random_key);
        });
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
        self.attempts.update_value(|attempts| {
            attempts.settle(event_id.inner(), quantity, &outcome);
        });
        outcome
    }
}
