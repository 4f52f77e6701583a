//! Cancelling a booking: the confirmation and the outcome.

use cynic::Id;
use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::bookings::{Booking, BookingConnection, Cancellation};

use super::booking_row::row_id;
use crate::{
    browser, components::confirm_dialog::ConfirmDialog, my_bookings::MyBookings, query::Query,
};

/// Asks whether to cancel a booking, and cancels it.
#[component]
pub(super) fn CancelDialog(
    /// The booking to cancel. The dialog is open while there is one.
    to_cancel: RwSignal<Option<Booking>>,
    bookings: Query<BookingConnection>,
) -> impl IntoView {
    let my_bookings = MyBookings::from_context();
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
        spawn_local(async move {
            let (id, event) = (&booking.id, &booking.event);
            let cancelled = my_bookings.cancel(id, &event.id, &event.title).await;
            busy.try_set(false);
            to_cancel.try_set(None);
            if let Some(cancelled) = cancelled {
                show_cancelled(bookings, id, &cancelled);
                focus_row(id.inner().to_owned());
            }
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

fn show_cancelled(bookings: Query<BookingConnection>, id: &Id, cancelled: &Cancellation) {
    let Cancellation { status, cancelled_at, cancelled_by, cancellation_reason, .. } = cancelled;
    bookings.update(|shown| {
        if let Some(booking) = shown.nodes.iter_mut().find(|booking| booking.id == *id) {
            *booking = Booking {
                status: *status,
                cancelled_at: cancelled_at.clone(),
                cancelled_by: *cancelled_by,
                cancellation_reason: cancellation_reason.clone(),
                ..booking.clone()
            };
        }
    });
}

/// Focuses the row after it was rendered anew. The focus was on its button, which is gone.
fn focus_row(booking_id: String) {
    request_animation_frame(move || {
        browser::focus(&row_id(&booking_id));
    });
}
