//! One booking in the list, and a placeholder while bookings are loading.

use leptos::prelude::*;
use rowlock_web_operations::bookings::{Booking, BookingStatus};

use crate::{
    browser,
    components::event_card::{DateTile, EventFacts},
    timestamp::has_started,
};

#[component]
pub(super) fn BookingRow(booking: Booking, to_cancel: RwSignal<Option<Booking>>) -> impl IntoView {
    let Booking { id, quantity, status, created_at, cancelled_at, event } = booking.clone();
    let confirmed = status == BookingStatus::Confirmed;
    let (class, words) = match confirmed {
        true => ("badge badge-plenty", "Confirmed"),
        false => ("badge badge-sold-out", "Cancelled"),
    };
    let tickets = match quantity {
        1 => "1 ticket".to_owned(),
        count => format!("{count} tickets"),
    };
    let when = match &cancelled_at {
        None => format!("Booked on {}", browser::date_and_time(&created_at.0)),
        Some(cancelled_at) => format!("Cancelled on {}", browser::date_and_time(&cancelled_at.0)),
    };
    let can_cancel = confirmed && !has_started(&event.starts_at.0, &browser::now());
    let name = event.title.clone();
    view! {
        <li class="card booking" class:cancelled=!confirmed id=row_id(id.inner()) tabindex="-1">
            <div class="card-head">
                <DateTile starts_at=event.starts_at.0.clone() />
                <div>
                    <h2>
                        <a href=format!("/events/{}", event.id.inner())>{event.title}</a>
                    </h2>
                    <EventFacts starts_at=event.starts_at.0 venue=event.venue />
                </div>
            </div>
            <div class="booking-facts">
                <span class=class>{words}</span>
                <span>{tickets}</span>
                <span class="booked-when">{when}</span>
            </div>
            {can_cancel
                .then(|| {
                    view! {
                        <button
                            type="button"
                            class="button button-quiet"
                            aria-label=format!("Cancel booking for {name}")
                            on:click=move |_| to_cancel.set(Some(booking.clone()))
                        >
                            "Cancel booking"
                        </button>
                    }
                })}
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
