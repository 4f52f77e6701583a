//! Cancelling a booking, and telling the user what became of it.

use cynic::Id;
use leptos::prelude::*;
use rowlock_web_operations::bookings::{CancelBookingResult, Cancellation, cancel_booking};

use super::{BookingState, MyBookings};
use crate::{
    repetition::{History, Repeated, repeat_until_answered},
    toasts::{Toast, Tone},
};

impl MyBookings {
    /// Cancels a booking of the signed-in user and shows the outcome. Returns what has changed if the
    /// booking is cancelled now.
    pub(crate) async fn cancel(
        self,
        booking_id: &Id,
        event_id: &Id,
        title: &str,
    ) -> Option<Cancellation> {
        let viewer = self.session.viewer_untracked();
        let toast = |tone, text| Toast::new(tone, text).about_event(event_id.inner());
        let send = async || self.session.run_repeatable(&cancel_booking(booking_id.clone())).await;
        let is_wanted = || self.session.viewer_untracked() == viewer;
        let on_missing = |_| {
            let text = format!("We are checking whether your booking for {title} was cancelled…");
            self.toasts.show(toast(Tone::Waiting, text).until_replaced());
        };
        let problem = match repeat_until_answered(send, History::New, is_wanted, on_missing).await {
            Repeated::Unwanted => {
                self.toasts.dismiss_about(event_id.inner());
                return None;
            }
            Repeated::Unknown => format!(
                "No answer yet about the cancellation of your booking for {title}. You can cancel \
                 it again."
            ),
            Repeated::Answered(Err(failure)) => {
                format!("Failed to cancel the booking. {}", failure.message())
            }
            Repeated::Answered(Ok(data)) => match data.cancel_booking {
                CancelBookingResult::CancelBookingSuccess(success) => {
                    let count = &success.booking.event;
                    let (left, total) = (count.remaining_tickets, count.total_tickets);
                    self.live.set_from_query(event_id, left, total);
                    self.set_cancelled(event_id);
                    let state = self.state_of(event_id);
                    let holds = move || !matches!(state.get(), BookingState::Booked { .. });
                    let text = format!("Your booking for {title} is cancelled.");
                    self.toasts.show(toast(Tone::Success, text).while_true(holds));
                    return Some(success.booking);
                }
                CancelBookingResult::BookingClosed(refusal) => refusal.message,
                CancelBookingResult::Other => "This booking can't be cancelled.".to_owned(),
            },
        };
        self.toasts.show(toast(Tone::Error, problem).on_this_page());
        None
    }
}
