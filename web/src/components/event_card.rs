//! One event in the list, with its live count; and the parts that other pages use too.

use leptos::prelude::*;
use rowlock_web_operations::events::Event;

use super::{
    book_button::{BookButton, Offer},
    event_text::{marked_text_of, text_of},
    icons::{Calendar, Place},
    sale_state::{SaleState, sale_of},
};
use crate::{
    api::{details::LiveDetails, live::LiveCounts},
    browser, dates,
    event_changes::place,
    picture,
};

#[component]
pub(crate) fn EventCard(event: Event) -> impl IntoView {
    let tickets = LiveCounts::from_context().count_of(&event.id);
    let path = format!("/events/{}", event.id.inner());
    let event = RwSignal::from(LiveDetails::from_context().of(&event));
    let sale = sale_of(event);
    let offer = Offer::of(event, sale);
    view! {
        <article class="card event-card">
            <div class="picture">
                <Picture event sizes=CARD_SIZES />
                <DateTile event />
            </div>
            <div class="card-body">
                <h2>
                    <a
                        href=path
                        dir="auto"
                        inner_html=marked_text_of(event, |event| event.title.clone())
                    ></a>
                </h2>
                <EventFacts event />
                <div class="card-tickets">
                    <SaleState event sale tickets />
                </div>
                <div class="card-foot">
                    <span class="price">
                        {text_of(event, |event| browser::price(&event.price, 1))}
                    </span>
                    <BookButton event offer words=|_| "Book now".to_owned() />
                </div>
            </div>
        </article>
    }
}

/// How wide the picture of a card is, in one, two and three columns. A telephone shows its middle.
const CARD_SIZES: &str = "(width < 40rem) 17rem, (width < 64rem) 50vw, 23rem";

/// What an event looks like.
#[component]
pub(crate) fn Picture(event: RwSignal<Event>, sizes: &'static str) -> impl IntoView {
    let html = Memo::new(move |_| event.with(|event| picture::html(event, sizes)));
    view! { <div class="poster" inner_html=move || html.get()></div> }.into_any()
}

/// When an event starts, and where.
#[component]
pub(crate) fn EventFacts(event: RwSignal<Event>) -> impl IntoView {
    view! {
        <p class="fact">
            <Calendar />
            <time datetime=text_of(event, |event| event.starts_at.0.clone())>
                {text_of(event, dates::start_of)}
            </time>
        </p>
        <p class="fact">
            <Place />
            <span inner_html=marked_text_of(event, place)></span>
        </p>
    }
    .into_any()
}

/// Month and day as a picture. Hidden from screen readers, because the full date is beside it.
#[component]
pub(crate) fn DateTile(event: RwSignal<Event>) -> impl IntoView {
    view! {
        <div class="tile" aria-hidden="true">
            <span class="tile-month">{text_of(event, |event| dates::month_and_day(event).0)}</span>
            <span class="tile-day">{text_of(event, |event| dates::month_and_day(event).1)}</span>
        </div>
    }
    .into_any()
}

/// A placeholder for a card that is loading.
#[component]
pub(crate) fn CardSkeleton() -> impl IntoView {
    view! {
        <div class="card event-card skeleton" aria-hidden="true">
            <div class="picture"></div>
            <div class="card-body">
                <div class="line line-title"></div>
                <div class="line"></div>
                <div class="line line-short"></div>
                <div class="card-foot">
                    <div class="line line-badge"></div>
                    <div class="line line-button"></div>
                </div>
            </div>
        </div>
    }
}
