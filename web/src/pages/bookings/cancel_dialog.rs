//! Cancelling a booking: the question, and what came of it.

use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::bookings::{
    Booking, BookingConnection, CancelBookingResult, cancel_booking,
};

use super::booking_row::row_id;
use crate::{
    browser,
    components::confirm_dialog::ConfirmDialog,
    my_bookings::MyBookings,
    query::Query,
    session::Session,
    toasts::{Toasts, Tone},
};

/// The question whether to cancel, and doing it.
#[component]
pub(super) fn CancelDialog(
    /// Of which booking it is asked.
    to_cancel: RwSignal<Option<Booking>>,
    bookings: Query<BookingConnection>,
) -> impl IntoView {
    let session = Session::from_context();
    let my_bookings = MyBookings::from_context();
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    // Keeps its words while it closes.
    let about = Memo::new(move |before: Option<&(String, i32)>| {
        to_cancel.with(|to_cancel| match to_cancel {
            Some(booking) => (booking.event.title.clone(), booking.quantity),
            None => before.cloned().unwrap_or_default(),
        })
    });
    let title = Signal::derive(move || format!("Cancel your booking of {}?", about.get().0));
    let text = Signal::derive(move || match about.get().1 {
        1 => "Your ticket goes back on sale at once.".to_owned(),
        count => format!("Your {count} tickets go back on sale at once."),
    });
    let cancel = move |()| {
        let Some(booking) = to_cancel.get_untracked() else { return };
        busy.set(true);
        spawn_local(async move {
            let answer = session.run(&cancel_booking(booking.id.clone())).await;
            busy.try_set(false);
            to_cancel.try_set(None);
            let event = &booking.event;
            match answer.map(|data| data.cancel_booking) {
                Ok(CancelBookingResult::CancelBookingSuccess(success)) => {
                    my_bookings.set_cancelled(&event.id);
                    let told = format!("Your booking of {} is cancelled.", event.title);
                    toasts.show(Tone::Success, told);
                    let cancelled = success.booking;
                    bookings.update(|known| {
                        for booking in &mut known.nodes {
                            if booking.id == cancelled.id {
                                *booking = cancelled.clone();
                            }
                        }
                    });
                    focus_row(booking.id.inner().to_owned());
                }
                Ok(CancelBookingResult::BookingClosed(refusal)) => {
                    toasts.show(Tone::Error, refusal.message);
                }
                Ok(CancelBookingResult::Other) => {
                    toasts.show(Tone::Error, "Failed to cancel the booking. Please try again.");
                }
                Err(failure) => toasts.show(
                    Tone::Error,
                    format!("Failed to cancel the booking. {}", failure.message()),
                ),
            }
        });
    };
    view! {
        <ConfirmDialog
            open=Signal::derive(move || to_cancel.with(Option::is_some))
            title
            text
            confirm_labels=("Cancel booking", "Cancelling…")
            cancel_label="Keep it"
            busy
            on_confirm=cancel
            on_close=move |()| to_cancel.set(None)
        />
    }
}

/// The row takes the focus that its button had, once it is made anew.
fn focus_row(booking_id: String) {
    request_animation_frame(move || {
        browser::focus(&row_id(&booking_id));
    });
}
