//! One ticket: its code for the scanner at the door, and its number.

use leptos::prelude::*;
use rowlock_web_operations::{events::Event, tickets::Ticket};

use crate::{dates, qr};

#[component]
pub(super) fn TicketCard(
    ticket: Ticket,
    /// The number of tickets in the booking.
    count: i32,
    /// The booking's.
    reference: String,
    event: RwSignal<Event>,
) -> impl IntoView {
    let Ticket { number, code, checked_in_at } = ticket;
    let code = qr::drawing(&code).map(|qr::Drawing { size, path }| {
        view! {
            // White around the code, in the dark, too: scanners look for dark on light.
            <svg
                class="qr"
                viewBox=format!("0 0 {size} {size}")
                role="img"
                aria-label=format!("QR code of ticket {number}")
                shape-rendering="crispEdges"
            >
                <rect width=size height=size fill="#fff"></rect>
                <path d=path fill="#000"></path>
            </svg>
        }
    });
    let used = checked_in_at.map(|time| {
        let words = move || {
            let at = event.with(|event| dates::time_of_today_in(&time, &event.time_zone));
            format!("Checked in at {at}")
        };
        view! { <p class="badge badge-sold-out">{words}</p> }
    });
    view! {
        <li class="card ticket">
            {code} <h2>{format!("Ticket {number} of {count}")}</h2>
            <p class="reference-code">{format!("{reference}/{number}")}</p>
            {used}
        </li>
    }
}
