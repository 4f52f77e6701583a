//! How an event sells: its state, the tickets that are sold, and the takings.

use leptos::prelude::*;
use rowlock_web_operations::{event_editing::ManagedEvent, events::EventStatus};

use crate::{
    api::live::LiveCounts,
    browser,
    organize::components::{SalesBadge, sold_of},
};

#[component]
pub(super) fn Sales(event: RwSignal<ManagedEvent>) -> impl IntoView {
    let id = event.with_untracked(|managed| managed.event.id.clone());
    let tickets = LiveCounts::from_context().count_of(&id);
    let details = RwSignal::new(event.with_untracked(|managed| managed.event.clone()));
    Effect::new(move || details.set(event.with(|managed| managed.event.clone())));
    let count = tickets.clone();
    let sold = move || sold_of(count.get());
    let takings = move || {
        event.with(|managed| {
            let takings = managed.sales.as_ref().map(|sales| browser::money(&sales.takings));
            takings.map(|takings| format!("{takings} taken"))
        })
    };
    let reason = move || {
        event.with(|managed| {
            let reason = managed.event.cancellation_reason.clone();
            reason.map(|reason| view! { <p>"Reason: " <q dir="auto">{reason}</q></p> })
        })
    };
    let path = id.inner().to_owned();
    let links = move || {
        let status = event.with(|managed| managed.event.status);
        (status != EventStatus::Draft).then(|| {
            view! {
                <p class="row-links">
                    <a href=format!("/organize/events/{path}/attendees")>"Attendees"</a>
                    <a href=format!("/organize/events/{path}/door")>"Door"</a>
                    <a href=format!("/events/{path}") rel="external">
                        "Page for buyers"
                    </a>
                </p>
            }
        })
    };
    view! {
        <section id="sales" class="panel sales" aria-label="Sales" tabindex="-1">
            <p>
                <SalesBadge event=details tickets />
            </p>
            <p class="sold">{sold}</p>
            <p class="takings">{takings}</p>
            {reason}
            {links}
        </section>
    }
}
