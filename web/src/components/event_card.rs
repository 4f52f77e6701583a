//! One event in the list, with its live count; and the parts that other pages use too.

use leptos::prelude::*;
use rowlock_web_operations::events::Event;

use super::{
    book_button::{BookButton, Offer},
    icons::{Calendar, Place},
    ticket_badge::{TicketBadge, TicketBar},
};
use crate::{api::live::LiveCounts, browser};

#[component]
pub(crate) fn EventCard(event: Event) -> impl IntoView {
    let tickets = LiveCounts::from_context().count_of(&event.id);
    let path = format!("/events/{}", event.id.inner());
    let price = browser::price(&event.price, 1);
    let offer = Offer::of(&event);
    view! {
        <article class="card">
            <div class="card-head">
                <DateTile starts_at=event.starts_at.0.clone() />
                <div>
                    <h2>
                        <a href=path dir="auto">
                            {event.title.clone()}
                        </a>
                    </h2>
                    <EventFacts starts_at=event.starts_at.0.clone() venue=event.venue.clone() />
                </div>
            </div>
            <div class="card-tickets">
                <TicketBadge tickets=tickets.clone() />
                <TicketBar tickets />
            </div>
            <div class="card-foot">
                <span class="price">{price}</span>
                <BookButton event offer />
            </div>
        </article>
    }
}

/// Date, time and venue.
#[component]
pub(crate) fn EventFacts(starts_at: String, venue: String) -> impl IntoView {
    let when = browser::date_and_time(&starts_at);
    view! {
        <p class="fact">
            <Calendar />
            <time datetime=starts_at>{when}</time>
        </p>
        <p class="fact">
            <Place />
            <span>{venue}</span>
        </p>
    }
}

/// Month and day as a picture. Hidden from screen readers, because the full date is beside it.
#[component]
pub(crate) fn DateTile(starts_at: String) -> impl IntoView {
    let (month, day) = browser::month_and_day(&starts_at);
    view! {
        <div class="tile" aria-hidden="true">
            <span class="tile-month">{month}</span>
            <span class="tile-day">{day}</span>
        </div>
    }
}

/// A placeholder for a card that is loading.
#[component]
pub(crate) fn CardSkeleton() -> impl IntoView {
    view! {
        <div class="card skeleton" aria-hidden="true">
            <div class="card-head">
                <div class="tile"></div>
                <div class="grow">
                    <div class="line line-title"></div>
                    <div class="line"></div>
                    <div class="line line-short"></div>
                </div>
            </div>
            <div class="card-tickets">
                <div class="line line-badge"></div>
            </div>
            <div class="card-foot">
                <div class="line line-badge"></div>
                <div class="line line-button"></div>
            </div>
        </div>
    }
}
