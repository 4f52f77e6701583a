//! What the page of an event says about it. Organizers see the same before they publish it.

use leptos::prelude::*;
use rowlock_web_operations::events::Event;

use super::{
    event_text::text_of,
    icons::{Calendar, Place, Ticket},
    sale_state::sale_of,
};
use crate::{dates, event_changes::place, sale::Sale};

#[component]
pub(crate) fn AboutEvent(
    event: RwSignal<Event>,
    description: RwSignal<String>,
    /// Shown below the time and the place.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let sale = sale_of(event);
    let by_own_clock = text_of(event, |event| dates::start_here(event).unwrap_or_default());
    view! {
        <section class="about" aria-label="About the event">
            <div class="row">
                <Calendar />
                <p>
                    <time datetime=text_of(event, |event| event.starts_at.0.clone())>
                        {text_of(event, dates::span_of)}
                    </time>
                    <span class="aside">{by_own_clock}</span>
                </p>
            </div>
            <div class="row">
                <Place />
                <p>
                    {text_of(event, place)}
                    <a
                        class="aside"
                        href=text_of(event, map_of)
                        target="_blank"
                        rel="external noopener noreferrer"
                    >
                        "Show on a map"
                    </a>
                </p>
            </div>
            {children.map(|children| children())}
            <Show when=move || !matches!(sale.get(), Sale::Started | Sale::Cancelled)>
                <div class="row">
                    <Ticket />
                    <p>"Cancel free of charge until it starts."</p>
                </div>
            </Show>
            <p class="description">{description}</p>
        </section>
    }
}

/// The address of a map's search for the place.
fn map_of(event: &Event) -> String {
    let place = place(event);
    let place: String = form_urlencoded::byte_serialize(place.as_bytes()).collect();
    format!("https://www.openstreetmap.org/search?query={place}")
}
