//! One booking in the list, and a placeholder while bookings are loading.

use leptos::prelude::*;
use rowlock_web_operations::bookings::{Booking, BookingStatus};

use crate::{
    api::details::LiveDetails,
    components::{
        event_card::{DateTile, EventFacts, text_of},
        sale_state::sale_of,
    },
    dates,
    sale::Sale,
};

#[component]
pub(super) fn BookingRow(booking: Booking, to_cancel: RwSignal<Option<Booking>>) -> impl IntoView {
    let event = RwSignal::from(LiveDetails::from_context().of(&booking.event));
    let sale = sale_of(event);
    let is_confirmed = booking.status == BookingStatus::Confirmed;
    // The organizer's cancellation of an event cancels each booking a little later.
    let is_held = Memo::new(move |_| is_confirmed && sale.get() != Sale::Cancelled);
    let can_cancel = Memo::new(move |_| is_held.get() && sale.get() != Sale::Started);
    let when = match &booking.cancelled_at {
        None => format!("Booked on {}", dates::time_here(&booking.created_at)),
        Some(cancelled_at) => format!("Cancelled on {}", dates::time_here(cancelled_at)),
    };
    let id = row_id(booking.id.inner());
    let tickets = match booking.quantity {
        1 => "1 ticket".to_owned(),
        count => format!("{count} tickets"),
    };
    view! {
        <li class="card booking" class:cancelled=move || !is_held.get() id=id tabindex="-1">
            <div class="card-head">
                <DateTile event />
                <div>
                    <h2>
                        <a href=format!("/events/{}", booking.event.id.inner())>
                            {text_of(event, |event| event.title.clone())}
                        </a>
                    </h2>
                    <EventFacts event />
                </div>
            </div>
            <div class="booking-facts">
                {move || match is_held.get() {
                    true => view! { <span class="badge badge-plenty">"Confirmed"</span> },
                    false => view! { <span class="badge badge-sold-out">"Cancelled"</span> },
                }}
                <span>{tickets}</span>
                <span class="booked-when">{when}</span>
            </div>
            {move || {
                let booking = booking.clone();
                can_cancel
                    .get()
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="button button-quiet"
                                aria-label=text_of(
                                    event,
                                    |event| format!("Cancel booking for {}", event.title),
                                )
                                on:click=move |_| to_cancel.set(Some(booking.clone()))
                            >
                                "Cancel booking"
                            </button>
                        }
                    })
            }}
        </li>
    }
}

pub(super) fn row_id(booking_id: &str) -> String {
    format!("booking-{booking_id}")
}

#[component]
pub(super) fn BookingsSkeleton() -> impl IntoView {
    view! {
        <ul class="bookings" aria-hidden="true">
            {(0..3)
                .map(|_| {
                    view! {
                        <li class="card booking skeleton">
                            <div class="card-head">
                                <div class="tile"></div>
                                <div class="grow">
                                    <div class="line line-title"></div>
                                    <div class="line"></div>
                                </div>
                            </div>
                            <div class="line line-badge"></div>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
}
