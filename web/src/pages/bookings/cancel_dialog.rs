//! Cancelling a booking: the confirmation and the outcome.

use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::bookings::{
    Booking, BookingConnection, CancelBookingResult, cancel_booking,
};

use super::booking_row::row_id;
use crate::{
    browser,
    components::confirm_dialog::ConfirmDialog,
    my_bookings::{BookingState, MyBookings},
    query::Query,
    repetition::{History, Repeated, repeat_until_answered},
    session::Session,
    toasts::{Toast, Toasts, Tone},
};

/// Asks whether to cancel a booking, and cancels it.
#[component]
pub(super) fn CancelDialog(
    /// The booking to cancel. The dialog is open while there is one.
    to_cancel: RwSignal<Option<Booking>>,
    bookings: Query<BookingConnection>,
) -> impl IntoView {
    let session = Session::from_context();
    let my_bookings = MyBookings::from_context();
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    // Keeps the texts while the dialog closes.
    let title_and_quantity = Memo::new(move |before: Option<&(String, i32)>| {
        to_cancel.with(|to_cancel| match to_cancel {
            Some(booking) => (booking.event.title.clone(), booking.quantity),
            None => before.cloned().unwrap_or_default(),
        })
    });
    let title =
        Signal::derive(move || format!("Cancel your booking for {}?", title_and_quantity.get().0));
    let text = Signal::derive(move || match title_and_quantity.get().1 {
        1 => "Your ticket goes back on sale at once.".to_owned(),
        count => format!("Your {count} tickets go back on sale at once."),
    });
    let cancel = move |()| {
        let Some(booking) = to_cancel.get_untracked() else { return };
        busy.set(true);
        let viewer = session.viewer_untracked();
        spawn_local(async move {
            let (id, event) = (&booking.id, &booking.event);
            let toast = |tone, text| Toast::new(tone, text).about_event(event.id.inner());
            let send = async || session.run_repeatable(&cancel_booking(id.clone())).await;
            let is_wanted = || session.viewer_untracked() == viewer;
            let on_missing = |_| {
                let title = &event.title;
                let text =
                    format!("We are checking whether your booking for {title} was cancelled…");
                toasts.show(toast(Tone::Waiting, text).until_replaced());
            };
            let answer = repeat_until_answered(send, History::New, is_wanted, on_missing).await;
            busy.try_set(false);
            to_cancel.try_set(None);
            let problem = match answer {
                Repeated::Unwanted => return toasts.dismiss_about(event.id.inner()),
                Repeated::Unknown => format!(
                    "We couldn't find out whether your booking for {} was cancelled. You can \
                     cancel it again.",
                    event.title
                ),
                Repeated::Answered(Err(failure)) => {
                    format!("Failed to cancel the booking. {}", failure.message())
                }
                Repeated::Answered(Ok(data)) => match data.cancel_booking {
                    CancelBookingResult::CancelBookingSuccess(success) => {
                        my_bookings.set_cancelled(&event.id);
                        let state = my_bookings.state_of(&event.id);
                        let holds = move || !matches!(state.get(), BookingState::Booked { .. });
                        let text = format!("Your booking for {} is cancelled.", event.title);
                        toasts.show(toast(Tone::Success, text).while_true(holds));
                        show_cancelled(bookings, &success.booking);
                        return focus_row(booking.id.inner().to_owned());
                    }
                    CancelBookingResult::BookingClosed(refusal) => refusal.message,
                    CancelBookingResult::Other => "This booking can't be cancelled.".to_owned(),
                },
            };
            toasts.show(toast(Tone::Error, problem).on_this_page());
        });
    };
    view! {
        <ConfirmDialog
            open=Signal::derive(move || to_cancel.with(Option::is_some))
            title
            text
            confirm_labels=("Cancel booking", "Cancelling…")
            cancel_label="Keep booking"
            busy
            on_confirm=cancel
            on_close=move |()| to_cancel.set(None)
        />
    }
}

fn show_cancelled(bookings: Query<BookingConnection>, cancelled: &Booking) {
    bookings.update(|shown| {
        for booking in &mut shown.nodes {
            if booking.id == cancelled.id {
                *booking = cancelled.clone();
            }
        }
    });
}

/// Focuses the row after it was rendered anew. The focus was on its button, which is gone.
fn focus_row(booking_id: String) {
    request_animation_frame(move || {
        browser::focus(&row_id(&booking_id));
    });
}
