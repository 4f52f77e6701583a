//! Booking: one attempt from the click to its outcome, however often its answer is lost.

use cynic::Id;
use js_sys::Date;
use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::{
    bookings::{BookEventInput, BookEventResult, book_event},
    events::{Event, Money, one_event},
};

use super::{BookingState, MyBookings, attempts::Attempt, shortage::Shortage};
use crate::{
    api::{ErrorCode, Failure},
    booking::BookingOutcome,
    browser::{self, random_key},
    repetition::{History, Missing, Repeated, repeat_until_answered},
    session::Viewer,
    toasts::{Toast, Tone},
};

/// The price of an event compared with the one that the user has seen.
enum PriceCheck {
    /// It is still the price, or a booking would not be new.
    Unchanged,
    Changed(Money),
    Failed(Failure),
    /// The attempt is over, or its user is gone.
    Unwanted,
}

impl MyBookings {
    /// Books for the signed-in user and shows the outcome. The event is as the page shows it.
    pub(crate) fn book(self, event: Event, quantity: i32) {
        self.toasts.dismiss_about_event(event.id.inner());
        self.set_state(&event.id, BookingState::Pending);
        let viewer = self.session.viewer_untracked();
        spawn_local(async move {
            if self.is_out_of_date(&event.id) && !self.is_at_shown_price(&event, &viewer).await {
                return;
            }
            let attempt = Attempt {
                event_id: event.id.into_inner(),
                title: event.title,
                quantity,
                price: event.price,
                key: random_key(),
                began_at: Date::now(),
                is_given_up: false,
            };
            self.attempts.write_value().add(attempt.clone());
            self.store_attempts();
            self.carry_out(attempt, History::New, viewer).await;
        });
    }

    /// Goes on with the event's attempt after no answer came in time.
    pub(crate) fn try_again(self, event_id: &Id) {
        let open = self.attempts.with_value(|open| open.of_event(event_id.inner()).cloned());
        let Some(attempt) = open else { return };
        self.set_given_up(event_id, false);
        self.show_checking(&attempt);
        spawn_local(self.resume(attempt, self.session.viewer_untracked()));
    }

    /// Sends an attempt again that was sent some time ago, unless the price has changed since.
    pub(super) async fn resume(self, attempt: Attempt, viewer: Viewer) {
        let event_id = Id::new(&attempt.event_id);
        let is_wanted = || self.is_open(&attempt) && self.session.viewer_untracked() == viewer;
        match self.check_price(&event_id, &attempt.price, is_wanted, |_| {}).await {
            PriceCheck::Unchanged => self.carry_out(attempt, History::MayBeDone, viewer).await,
            PriceCheck::Changed(price) => {
                self.forget_attempt(&attempt.event_id);
                self.show_changed_price(&event_id, &attempt.title, &price);
            }
            PriceCheck::Failed(_) => {
                self.show_outcome(&attempt, &event_id, BookingOutcome::Unknown);
            }
            PriceCheck::Unwanted => {}
        }
    }

    /// Whether the event still has the price that the page shows. Otherwise nothing is booked, and
    /// the user is told.
    async fn is_at_shown_price(self, shown: &Event, viewer: &Viewer) -> bool {
        let is_wanted = || self.session.viewer_untracked() == *viewer;
        let show_late = |_| self.show_late(&shown.id, &shown.title);
        match self.check_price(&shown.id, &shown.price, is_wanted, show_late).await {
            PriceCheck::Unchanged => return true,
            PriceCheck::Changed(price) => self.show_changed_price(&shown.id, &shown.title, &price),
            PriceCheck::Failed(failure) => self.show_not_booked(&shown.id, failure.message()),
            PriceCheck::Unwanted => self.toasts.dismiss_about_event(shown.id.inner()),
        }
        false
    }

    /// Reads the event and compares its price with the one that the user has seen.
    async fn check_price(
        self,
        event_id: &Id,
        seen: &Money,
        is_wanted: impl Fn() -> bool,
        on_missing: impl Fn(Missing),
    ) -> PriceCheck {
        let send = async || self.session.run(&one_event(event_id.inner().to_owned())).await;
        match repeat_until_answered(send, History::New, &is_wanted, on_missing).await {
            Repeated::Unwanted => PriceCheck::Unwanted,
            _ if !is_wanted() => PriceCheck::Unwanted,
            Repeated::Unknown => PriceCheck::Failed(Failure::NoAnswer),
            Repeated::Answered(Err(failure)) => PriceCheck::Failed(failure),
            Repeated::Answered(Ok(data)) => match data.event.map(|found| found.event) {
                Some(found) if found.my_booking.is_none() && found.price != *seen => {
                    PriceCheck::Changed(found.price)
                }
                Some(_) | None => PriceCheck::Unchanged,
            },
        }
    }

    fn show_changed_price(self, event_id: &Id, title: &str, price: &Money) {
        let price = browser::price(price, 1);
        self.show_not_booked(event_id, format!("{title} now costs {price}. Nothing was booked."));
        self.prices_changed.update(|count| *count = count.wrapping_add(1));
    }

    fn show_not_booked(self, event_id: &Id, why: String) {
        self.set_state(event_id, BookingState::NotBooked);
        self.toasts.show(Toast::new(Tone::Error, why).about_event(event_id.inner()));
    }

    /// Asks the server until it answers, and shows the outcome.
    async fn carry_out(self, attempt: Attempt, history: History, viewer: Viewer) {
        let event_id = Id::new(&attempt.event_id);
        let send = async || {
            let input = BookEventInput {
                event_id: event_id.clone(),
                quantity: attempt.quantity,
                idempotency_key: Some(attempt.key.clone()),
            };
            let answer = self.session.run_repeatable(&book_event(input)).await;
            answer.map(|data| data.book_event)
        };
        let is_wanted = || self.is_open(&attempt) && self.session.viewer_untracked() == viewer;
        let on_missing = |missing| match missing {
            Missing::Late => self.show_late(&event_id, &attempt.title),
            Missing::Lost => self.show_checking(&attempt),
        };
        let outcome = match repeat_until_answered(send, history, is_wanted, on_missing).await {
            Repeated::Unwanted => return,
            Repeated::Answered(_) if !self.is_open(&attempt) => return,
            // Meanwhile the session has ended, or another user has signed in.
            Repeated::Answered(answer) if !is_wanted() => {
                self.forget_attempt(&attempt.event_id);
                return self.show_session_ended(answer.err());
            }
            Repeated::Unknown => BookingOutcome::Unknown,
            Repeated::Answered(answer) => {
                if let Ok(answer) = &answer {
                    self.take_count(&event_id, answer);
                }
                BookingOutcome::from(answer)
            }
        };
        self.show_outcome(&attempt, &event_id, outcome);
    }

    /// Whether the outcome of the attempt is still unknown. A read may have shown the booking.
    fn is_open(self, attempt: &Attempt) -> bool {
        self.attempts.with_value(|open| {
            open.of_event(&attempt.event_id).is_some_and(|open| open.key == attempt.key)
        })
    }

    /// Tells a user who is signed out why nothing was booked.
    fn show_session_ended(self, failure: Option<Failure>) {
        let is_refused_for_that = failure.is_some_and(|failure| {
            failure == Failure::SessionEnded || failure.code() == Some(ErrorCode::Unauthenticated)
        });
        if is_refused_for_that {
            let session = self.session;
            let is_signed_out = move || session.viewer() == Viewer::SignedOut;
            let text = Failure::SessionEnded.message();
            self.toasts.show(Toast::new(Tone::Error, text).while_true(is_signed_out));
        }
    }

    /// While the socket is up, live counts say the same.
    fn take_count(self, event_id: &Id, answer: &BookEventResult) {
        let count = match answer {
            BookEventResult::BookEventSuccess(success) => &success.booking.event,
            BookEventResult::AlreadyBooked(refusal) => &refusal.booking.event,
            BookEventResult::SoldOut(refusal) => &refusal.event,
            BookEventResult::BookingClosed(_) | BookEventResult::Other => return,
        };
        self.live.set_from_query(event_id, count.remaining_tickets, count.total_tickets);
    }

    fn show_late(self, event_id: &Id, title: &str) {
        let text = format!("Your booking for {title} is taking longer than usual. Please wait…");
        let toast = Toast::new(Tone::Waiting, text);
        self.toasts.show(toast.about_event(event_id.inner()).until_replaced());
    }

    pub(super) fn show_checking(self, attempt: &Attempt) {
        let event_id = Id::new(&attempt.event_id);
        self.set_state(&event_id, BookingState::Checking);
        let title = &attempt.title;
        let text = format!("We are checking whether your booking for {title} went through…");
        let toast = Toast::new(Tone::Waiting, text);
        self.toasts.show(toast.about_event(&attempt.event_id).until_replaced());
    }

    pub(super) fn show_outcome(self, attempt: &Attempt, event_id: &Id, outcome: BookingOutcome) {
        let text = outcome.message(&attempt.title);
        let toast = |tone| Toast::new(tone, text.clone()).about_event(event_id.inner());
        match outcome {
            BookingOutcome::Booked { quantity } => {
                self.settle(event_id, BookingState::Booked { quantity });
                self.bookings_made.update(|count| *count = count.wrapping_add(1));
                self.session.tell_tabs_bookings_changed();
                self.show_booked(event_id, Tone::Success, text);
            }
            BookingOutcome::AlreadyBooked { quantity } => {
                self.settle(event_id, BookingState::Booked { quantity });
                self.show_booked(event_id, Tone::Info, text);
            }
            BookingOutcome::SoldOut { left } => {
                self.settle(event_id, BookingState::NotBooked);
                let count = self.live.count_of(event_id);
                let shortage = Shortage::new(left, count.get_untracked().remaining());
                let holds = move || shortage.holds_at(count.get().remaining());
                self.toasts.show(toast(Tone::Error).while_true(holds).on_this_page());
            }
            BookingOutcome::Closed(_) => {
                self.settle(event_id, BookingState::Closed);
                self.toasts.show(toast(Tone::Error).on_this_page());
            }
            BookingOutcome::CancelledSince => {
                self.settle(event_id, BookingState::NotBooked);
                self.toasts.show(toast(Tone::Info));
            }
            BookingOutcome::Refused(_) | BookingOutcome::OtherRefusal => {
                self.settle(event_id, BookingState::NotBooked);
                self.toasts.show(toast(Tone::Error).on_this_page());
            }
            BookingOutcome::Unknown => {
                self.set_given_up(event_id, true);
                self.set_state(event_id, BookingState::Unknown { quantity: attempt.quantity });
                let event_id = event_id.clone();
                let try_again = Callback::new(move |()| self.try_again(&event_id));
                self.toasts
                    .show(toast(Tone::Error).until_replaced().with_action("Try again", try_again));
            }
        }
    }
}
