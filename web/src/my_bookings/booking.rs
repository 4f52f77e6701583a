//! Booking: one attempt from the click to its outcome, however often its answer is lost.

use cynic::Id;
use js_sys::Date;
use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::{
    account::request_email_verification,
    bookings::{BookEventInput, BookEventResult, BookingWithCount, PriceChanged, book_event},
    events::{Event, MyBooking},
};

use super::{BookingState, MyBookings, attempts::Attempt, shortage::Shortage};
use crate::{
    api::{ErrorCode, Failure},
    booking::BookingOutcome,
    browser::{path, random_key},
    event_changes::{self, Audience, sentences},
    event_path::event_path,
    formats::FORMATS,
    repetition::{History, Missing, Repeated, repeat_until_answered},
    session::Viewer,
    toasts::{Toast, Tone},
    wanted,
};

const JUST_CHANGED: &str = "The event changed just before your click. Nothing was booked.";

impl MyBookings {
    /// Books for the signed-in user and shows the outcome. The event is as the page shows it: the
    /// server books nothing if it has another price. What has only just appeared there is not what
    /// the user meant, so the user has to look and click again.
    pub(crate) fn book(self, event: Event, quantity: i32) {
        if self.details.has_just_changed(&event.id) {
            let toast = Toast::new(Tone::Error, JUST_CHANGED).about_event(event.id.inner());
            return self.toasts.show(toast.on_this_page());
        }
        self.toasts.dismiss_about(event.id.inner());
        self.set_state(&event.id, BookingState::Pending);
        let attempt = Attempt {
            event_id: event.id.into_inner(),
            title: event.title,
            quantity,
            price: event.price,
            key: random_key(),
            began_at: Date::now() as i64,
            is_given_up: false,
        };
        self.attempts.write_value().add(attempt.clone());
        self.store_attempts();
        let viewer = self.session.viewer_untracked();
        spawn_local(self.carry_out(attempt, History::New, viewer));
    }

    /// Goes on with the event's attempt after no answer came in time.
    pub(crate) fn try_again(self, event_id: &Id) {
        let open = self.attempts.with_value(|open| open.of_event(event_id.inner()).cloned());
        let Some(attempt) = open else { return };
        self.set_given_up(event_id, false);
        self.show_checking(&attempt);
        let viewer = self.session.viewer_untracked();
        spawn_local(self.carry_out(attempt, History::MayBeDone, viewer));
    }

    /// Asks the server until it answers, and shows the outcome.
    pub(super) async fn carry_out(self, attempt: Attempt, history: History, viewer: Viewer) {
        let event_id = Id::new(&attempt.event_id);
        let send = async || {
            let input = BookEventInput {
                event_id: event_id.clone(),
                quantity: attempt.quantity,
                idempotency_key: Some(attempt.key.clone()),
                expected_unit_price: Some(attempt.price.clone().into()),
            };
            let answer = self.session.run_repeatable(&book_event(input)).await;
            answer.map(|data| data.book_event)
        };
        let is_viewer_changed = || self.session.viewer_untracked() != viewer;
        // A sign-out gives attempts up. They don't go on when the same person signs in again.
        let is_wanted = || {
            let open = self.open_attempt(&attempt);
            open.is_some_and(|open| !open.is_given_up) && !is_viewer_changed()
        };
        let on_missing = |missing| match missing {
            Missing::Late => self.show_late(&event_id, &attempt.title),
            Missing::Lost => self.show_checking(&attempt),
        };
        let outcome = match repeat_until_answered(send, history, is_wanted, on_missing).await {
            Repeated::Unwanted => return,
            Repeated::Answered(_) if self.open_attempt(&attempt).is_none() => return,
            // Meanwhile the session has ended, or another user has signed in.
            Repeated::Answered(answer) if is_viewer_changed() => {
                self.forget_attempt(&attempt.event_id);
                return self.show_session_ended(answer.err());
            }
            Repeated::Unknown => BookingOutcome::Unknown,
            Repeated::Answered(answer) => {
                if let Ok(answer) = &answer {
                    self.take_answer(&event_id, answer);
                }
                BookingOutcome::of(answer, |refusal| self.changes_in(refusal))
            }
        };
        self.show_outcome(&attempt, &event_id, outcome);
    }

    /// The attempt as it stands, while its outcome is unknown. A read may have shown the booking.
    fn open_attempt(self, attempt: &Attempt) -> Option<Attempt> {
        self.attempts.with_value(|open| {
            open.of_event(&attempt.event_id).filter(|open| open.key == attempt.key).cloned()
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

    /// Takes the booking and the event's count. While the socket is up, live counts say the same.
    fn take_answer(self, event_id: &Id, answer: &BookEventResult) {
        let booking = match answer {
            BookEventResult::BookEventSuccess(success) => Some(&success.booking),
            BookEventResult::AlreadyBooked(refusal) => Some(&refusal.booking),
            BookEventResult::SoldOut(_)
            | BookEventResult::BookingClosed(_)
            | BookEventResult::PriceChanged(_)
            | BookEventResult::Other => None,
        };
        let count = match (booking, answer) {
            (Some(booking), _) => &booking.event,
            (None, BookEventResult::SoldOut(refusal)) => &refusal.event,
            (None, _) => return,
        };
        if let Some(booking) = booking {
            let BookingWithCount { id, reference, quantity, unit_price, .. } = booking;
            let (id, reference, unit_price) = (id.clone(), reference.clone(), unit_price.clone());
            let held = MyBooking { id, reference, quantity: *quantity, unit_price };
            self.held_of(event_id).set(Some(held));
        }
        self.live.set_from_query(event_id, count.remaining_tickets, count.total_tickets);
    }

    /// Shows the event as it is now, and says what has changed: its price, and perhaps more.
    fn changes_in(self, refusal: &PriceChanged) -> Vec<String> {
        let PriceChanged { price, event } = refusal;
        let before = self.details.set_quietly(event);
        let mut said = match &before {
            Some(before) => sentences(before, event, Audience::Buyer, FORMATS),
            None => Vec::new(),
        };
        // The page may have learnt the price since the click.
        if before.is_none_or(|before| before.price == *price) {
            said.push(event_changes::price(price, FORMATS.price));
        }
        said
    }

    /// Has the mail sent again with which the user confirms their address.
    async fn send_verification_again(self) {
        let toast = match self.session.run(&request_email_verification()).await {
            Ok(_) => Toast::new(Tone::Success, "We have sent the mail again. Open its link."),
            Err(failure) => Toast::new(Tone::Error, failure.message()),
        };
        self.toasts.show(toast);
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
                let mut booked = toast(Tone::Success);
                if let Some(held) = self.held_of(event_id).get_untracked() {
                    let (event_id, title) = (event_id.clone(), attempt.title.clone());
                    let undo = Callback::new(move |()| {
                        let (id, event_id, title) =
                            (held.id.clone(), event_id.clone(), title.clone());
                        spawn_local(async move {
                            self.cancel(&id, &event_id, &title).await;
                        });
                    });
                    booked = booked.with_action("Undo", undo);
                }
                let page = event_path(event_id.inner(), 1);
                if path() != page {
                    booked = booked.with_link("Change", page);
                }
                self.show_booked(event_id, booked);
            }
            BookingOutcome::AlreadyBooked { quantity } => {
                self.settle(event_id, BookingState::Booked { quantity });
                self.show_booked(event_id, toast(Tone::Info));
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
            BookingOutcome::PriceChanged(_) => {
                self.settle(event_id, BookingState::NotBooked);
                self.toasts.show(toast(Tone::Error));
            }
            BookingOutcome::Unverified(_) => {
                self.settle(event_id, BookingState::NotBooked);
                wanted::keep(&attempt.event_id, &attempt.title, attempt.quantity);
                let send_again = Callback::new(move |()| {
                    spawn_local(self.send_verification_again());
                });
                let refused = toast(Tone::Error).on_this_page();
                self.toasts.show(refused.with_action("Send the mail again", send_again));
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
