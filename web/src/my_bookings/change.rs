//! Changing how many tickets a booking has, and telling the user what became of it.

use cynic::Id;
use leptos::prelude::*;
use rowlock_web_operations::{
    bookings::{
        BookingWithCount, ChangeBookingResult, ChangesClosed, NothingToChange, OtherPrice,
        TooFewLeft, change_booking,
    },
    events::MyBooking,
};

use super::{BookingState, MyBookings};
use crate::{
    api::Failure,
    repetition::{History, Repeated, repeat_until_answered},
    ticket_count::tickets,
    toasts::{Toast, Tone},
};

impl MyBookings {
    /// Gives the user's booking of an event another number of tickets, and shows the outcome.
    pub(crate) async fn change(self, booking: MyBooking, event_id: &Id, title: &str, wanted: i32) {
        let viewer = self.session.viewer_untracked();
        let toast = |tone, text: String| Toast::new(tone, text).about_event(event_id.inner());
        let change = change_booking(booking.id, wanted);
        let send = async || self.session.run_repeatable(&change).await;
        let is_wanted = || self.session.viewer_untracked() == viewer;
        let on_missing = |_| {
            let text = format!("We are checking whether your booking for {title} was changed…");
            self.toasts.show(toast(Tone::Waiting, text).until_replaced());
        };
        let answer = match repeat_until_answered(send, History::New, is_wanted, on_missing).await {
            Repeated::Unwanted => return self.toasts.dismiss_about(event_id.inner()),
            Repeated::Unknown => Err(Failure::NoAnswer),
            Repeated::Answered(answer) => answer,
        };
        let problem = match answer.map(|data| data.change_booking) {
            Ok(ChangeBookingResult::ChangeBookingSuccess(success)) => {
                return self.show_changed(event_id, title, success.booking);
            }
            Ok(
                ChangeBookingResult::SoldOut(TooFewLeft { message })
                | ChangeBookingResult::BookingClosed(ChangesClosed { message })
                | ChangeBookingResult::PriceChanged(OtherPrice { message })
                | ChangeBookingResult::BookingCancelled(NothingToChange { message }),
            ) => message,
            Ok(ChangeBookingResult::Other) => "This booking can't be changed.".to_owned(),
            Err(failure) if failure.is_inconclusive() => {
                "No answer yet. Try again: the tickets are changed only once.".to_owned()
            }
            Err(failure) => failure.message(),
        };
        self.toasts.show(toast(Tone::Error, problem).on_this_page());
    }

    fn show_changed(self, event_id: &Id, title: &str, booking: BookingWithCount) {
        let BookingWithCount { id, reference, quantity, unit_price, event: count, .. } = booking;
        self.live.set_from_query(event_id, count.remaining_tickets, count.total_tickets);
        self.held_of(event_id).set(Some(MyBooking { id, reference, quantity, unit_price }));
        self.settle(event_id, BookingState::Booked { quantity });
        self.session.tell_tabs_bookings_changed();
        let text = format!("You now have {} for {title}.", tickets(quantity));
        self.show_booked(event_id, Toast::new(Tone::Success, text));
    }
}
