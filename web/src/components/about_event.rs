//! What the page of an event says about it. Organizers see the same before they publish it.

use leptos::prelude::*;

use super::event_card::{DateTile, EventFacts};

#[component]
pub(crate) fn AboutEvent(starts_at: String, venue: String, description: String) -> impl IntoView {
    view! {
        <section class="panel" aria-label="About the event">
            <div class="card-head">
                <DateTile starts_at=starts_at.clone() />
                <div>
                    <EventFacts starts_at venue />
                </div>
            </div>
            <p class="description">{description}</p>
        </section>
    }
}
