//! The list of events with their live counts.

use std::collections::HashMap;

use leptos::{prelude::*, task::spawn_local};

use crate::{
    api::{list_events, live, queries::Event},
    components::event_card::EventCard,
    tickets::Tickets,
};

/// What the page shows.
#[derive(Clone)]
enum Listing {
    Loading,
    Loaded(Vec<(Event, RwSignal<Tickets>)>),
    Failed(String),
}

#[component]
pub(crate) fn EventsPage() -> impl IntoView {
    let listing = RwSignal::new(Listing::Loading);
    let connected = RwSignal::new(false);
    let load = move || spawn_local(load(listing, connected));
    load();

    view! {
        <div class="page-head">
            <h1>"Events"</h1>
            <p class="live" class:live-on=move || connected.get() role="status">
                {move || if connected.get() { "Live counts" } else { "Connecting; counts may be old" }}
            </p>
        </div>
        {move || match listing.get() {
            Listing::Loading => {
                (0..6)
                    .map(|_| view! { <div class="card skeleton" aria-hidden="true"></div> })
                    .collect_view()
                    .into_any()
            }
            Listing::Failed(message) => {
                view! {
                    <div class="notice">
                        <p>{message}</p>
                        <button on:click=move |_| load()>"Try again"</button>
                    </div>
                }
                    .into_any()
            }
            Listing::Loaded(events) if events.is_empty() => {
                view! { <p class="notice">"There are no events yet."</p> }.into_any()
            }
            Listing::Loaded(events) => {
                view! {
                    <div class="cards">
                        {events
                            .into_iter()
                            .map(|(event, tickets)| view! { <EventCard event tickets /> })
                            .collect_view()}
                    </div>
                }
                    .into_any()
            }
        }}
    }
}

async fn load(listing: RwSignal<Listing>, connected: RwSignal<bool>) {
    listing.set(Listing::Loading);
    let events = match list_events().await {
        Ok(events) => events,
        Err(message) => return listing.set(Listing::Failed(message)),
    };
    let counts: HashMap<cynic::Id, RwSignal<Tickets>> = events
        .iter()
        .map(|event| {
            let tickets = Tickets::read(event.remaining_tickets, event.total_tickets);
            (event.id.clone(), RwSignal::new(tickets))
        })
        .collect();
    let cards = events.into_iter().map(|event| {
        let tickets = counts[&event.id];
        (event, tickets)
    });
    listing.set(Listing::Loaded(cards.collect()));

    if counts.is_empty() {
        return;
    }
    let ids = counts.keys().cloned().collect();
    live::watch(
        ids,
        move |update| {
            if let Some(tickets) = counts.get(&update.event_id) {
                tickets.update(|tickets| {
                    tickets.apply(update.remaining_tickets, update.total_tickets, update.version);
                });
            }
        },
        move |is_connected| {
            if connected.get_untracked() != is_connected {
                connected.set(is_connected);
            }
        },
    )
    .await;
}
