//! One booking in the list of attendees.

use leptos::prelude::*;
use rowlock_web_operations::{
    attendees::{Attendee, CancelledBy},
    bookings::BookingStatus,
};

use crate::{browser, dates, ticket_count::tickets};

#[component]
pub(super) fn AttendeeRow(
    attendee: Attendee,
    can_cancel: bool,
    to_cancel: RwSignal<Option<Attendee>>,
) -> impl IntoView {
    let Attendee { name, email, booking } = attendee.clone();
    let confirmed = booking.status == BookingStatus::Confirmed;
    let (class, words) = match (confirmed, booking.cancelled_by) {
        (true, _) => ("badge badge-plenty", "Confirmed"),
        (false, Some(CancelledBy::Organizer)) => ("badge badge-sold-out", "Cancelled by organizer"),
        (false, Some(CancelledBy::Buyer) | None) => ("badge badge-sold-out", "Cancelled by buyer"),
    };
    let arrived = booking.tickets.iter().filter(|ticket| ticket.checked_in_at.is_some()).count();
    let arrived = (arrived > 0).then(|| {
        let words = match arrived == booking.tickets.len() {
            true => "Checked in".to_owned(),
            false => format!("{arrived} of {} checked in", booking.tickets.len()),
        };
        view! { <span class="badge badge-plenty">{words}</span> }
    });
    let tickets = tickets(booking.quantity);
    let price = browser::price(&booking.total_price, 1);
    let when = match &booking.cancelled_at {
        None => format!("Booked on {}", dates::time_here(&booking.created_at)),
        Some(time) => format!("Cancelled on {}", dates::time_here(time)),
    };
    let reason = booking.cancellation_reason.clone();
    let reason =
        reason.map(|reason| view! { <p class="hint">"Reason: " <q dir="auto">{reason}</q></p> });
    let button = (confirmed && can_cancel).then(|| {
        let label = format!("Cancel booking of {name}");
        view! {
            <button
                type="button"
                class="button button-quiet"
                aria-label=label
                on:click=move |_| to_cancel.set(Some(attendee.clone()))
            >
                "Cancel booking"
            </button>
        }
    });
    view! {
        <li class="card row attendee" id=row_id(booking.id.inner()) tabindex="-1">
            <div>
                <h2 dir="auto">{name}</h2>
                <p class="email">{email}</p>
            </div>
            <div class="row-facts">
                <span class=class>{words}</span>
                {arrived}
                <span class="reference">{booking.reference}</span>
                <span>{tickets} ", " {price}</span>
                <span class="booked-when">{when}</span>
                {reason}
            </div>
            <div class="row-links">{button}</div>
        </li>
    }
}

pub(super) fn row_id(booking_id: &str) -> String {
    format!("booking-{booking_id}")
}
