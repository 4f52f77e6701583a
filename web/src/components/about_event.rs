//! What the page of an event says about it. Organizers see the same before they publish it.

use leptos::prelude::*;
use rowlock_web_operations::events::Event;

use super::event_card::{DateTile, EventFacts};

#[component]
pub(crate) fn AboutEvent(
    event: RwSignal<Event>,
    description: RwSignal<String>,
    /// Shown below the time and the place.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <section class="panel" aria-label="About the event">
            <div class="card-head">
                <DateTile event />
                <div>
                    <EventFacts event />
                    {children.map(|children| children())}
                </div>
            </div>
            <p class="description">{description}</p>
        </section>
    }
}
