//! One booking in the list, and a placeholder while bookings are loading.

use leptos::prelude::*;
use rowlock_web_operations::bookings::{Booking, BookingStatus, CancelledBy};

use crate::{
    api::details::LiveDetails,
    browser,
    components::{
        event_card::{DateTile, EventFacts},
        event_text::text_of,
        sale_state::sale_of,
    },
    dates,
    event_changes::cancelled_by_organizer,
    money::cost,
    sale::Sale,
};

#[component]
pub(super) fn BookingRow(booking: Booking, to_cancel: RwSignal<Option<Booking>>) -> impl IntoView {
    let event = RwSignal::from(LiveDetails::from_context().of(&booking.event));
    let sale = sale_of(event);
    let is_confirmed = booking.status == BookingStatus::Confirmed;
    // The organizer's cancellation of an event cancels each booking a little later.
    let is_held = move || is_confirmed && sale.get() != Sale::Cancelled;
    let is_used = booking.tickets.iter().any(|ticket| ticket.checked_in_at.is_some());
    let can_cancel = move || is_held() && !is_used && sale.get() != Sale::Started;
    let is_organizers = booking.cancelled_by == Some(CancelledBy::Organizer);
    let reason = booking.cancellation_reason.clone();
    let organizers_words = move || {
        (is_organizers || is_confirmed && !is_held()).then(|| {
            let reason =
                reason.clone().or_else(|| event.with(|event| event.cancellation_reason.clone()));
            cancelled_by_organizer(reason.as_deref())
        })
    };
    let when = match &booking.cancelled_at {
        None => format!("Booked on {}", dates::time_here(&booking.created_at)),
        Some(cancelled_at) => format!("Cancelled on {}", dates::time_here(cancelled_at)),
    };
    let reference = booking.reference.clone();
    let tickets_path = format!("/bookings/{}", booking.id.inner());
    let id = row_id(booking.id.inner());
    let [unit, total] =
        [&booking.unit_price, &booking.total_price].map(|paid| browser::price(paid, 1));
    let paid = cost(booking.quantity, &unit, &total);
    view! {
        <li class="card booking" class:cancelled=move || !is_held() id=id tabindex="-1">
            <div class="card-head">
                <DateTile event />
                <div>
                    <h3>
                        <a
                            href=format!("/events/{}", booking.event.id.inner())
                            rel="external"
                            dir="auto"
                        >
                            {text_of(event, |event| event.title.clone())}
                        </a>
                    </h3>
                    <EventFacts event />
                </div>
            </div>
            <div class="booking-facts">
                {move || match is_held() {
                    true => view! { <span class="badge badge-plenty">"Confirmed"</span> },
                    false => view! { <span class="badge badge-sold-out">"Cancelled"</span> },
                }}
                <span class="paid">{paid}</span>
                <span class="reference">
                    "Reference " <span class="reference-code">{reference}</span>
                </span>
                <span class="booked-when">{when}</span>
                {move || organizers_words().map(|words| view! { <p class="sale-note">{words}</p> })}
            </div>
            <div class="actions">
                {move || {
                    let tickets = tickets_path.clone();
                    is_held()
                        .then(|| {
                            view! {
                                <a
                                    class="button"
                                    href=tickets
                                    aria-label=text_of(
                                        event,
                                        |event| format!("Show tickets for {}", event.title),
                                    )
                                >
                                    "Show tickets"
                                </a>
                            }
                        })
                }}
                {move || {
                    let booking = booking.clone();
                    can_cancel()
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
            </div>
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
