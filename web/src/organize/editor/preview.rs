//! The event as buyers will see it.

use leptos::prelude::*;
use rowlock_web_operations::{
    DateTime, Decimal,
    events::{Event, EventStatus, Money},
};

use super::form_state::FormState;
use crate::{
    browser,
    components::{
        about_event::AboutEvent,
        ticket_badge::{TicketBadge, TicketBar},
    },
    organize::{
        event_form::EventField::{City, Description, Title, TotalTickets, Venue},
        form_check::EventValues,
    },
    ticket_count::TicketCount,
};

#[component]
pub(crate) fn Preview(
    state: FormState,
    /// The number of tickets that are sold.
    #[prop(optional, into)]
    sold: Signal<i32>,
) -> impl IntoView {
    // The last values that were valid, so that the preview does not come and go while one types.
    let values = Memo::new(move |before: Option<&Option<EventValues>>| {
        state.values().or_else(|| before.cloned().flatten())
    });
    let price = move || {
        let price = values.get()?.price;
        let one = Money { amount: price.amount, currency: price.currency };
        Some(match browser::price(&one, 1) {
            free if free == browser::FREE => free,
            price => format!("{price} each"),
        })
    };
    let tickets = ArcRwSignal::new(TicketCount::from_query(0, 0));
    let shown = tickets.clone();
    Effect::new(move || {
        let total: i32 = state.text(TotalTickets).get().trim().parse().unwrap_or_default();
        shown.set(TicketCount::from_query(total.saturating_sub(sold.get()).max(0), total));
    });
    let event = RwSignal::new(empty_event());
    let description = RwSignal::new(String::new());
    Effect::new(move || {
        description.set(state.text(Description).get());
        event.update(|event| {
            event.title = state.text(Title).get();
            event.venue = state.text(Venue).get();
            event.city = state.text(City).get();
            if let Some(values) = values.get() {
                event.time_zone = values.time_zone;
                event.starts_at = values.starts_at;
                event.ends_at = values.ends_at;
            }
        });
    });
    let is_known = Memo::new(move |_| values.with(Option::is_some));
    view! {
        <section class="section preview" aria-labelledby="preview-title">
            <h2 id="preview-title">"As buyers see it"</h2>
            {move || match is_known.get() {
                true => {
                    view! {
                        <p class="preview-name" dir="auto">
                            {move || event.with(|event| event.title.clone())}
                        </p>
                        <AboutEvent event description />
                        <div class="panel">
                            <div class="count">
                                <TicketBadge tickets=tickets.clone() />
                            </div>
                            <TicketBar tickets=tickets.clone() />
                            <p class="one-price">{price}</p>
                        </div>
                    }
                        .into_any()
                }
                false => {
                    view! { <p class="hint">"It shows here once the form is complete."</p> }
                        .into_any()
                }
            }}
        </section>
    }
}

/// An event about which nothing is known yet.
fn empty_event() -> Event {
    Event {
        id: String::new().into(),
        title: String::new(),
        venue: String::new(),
        city: String::new(),
        starts_at: DateTime(String::new()),
        ends_at: None,
        time_zone: "UTC".to_owned(),
        sales_start_at: None,
        sales_end_at: None,
        status: EventStatus::Draft,
        cancellation_reason: None,
        price: Money { amount: Decimal(String::new()), currency: String::new() },
        total_tickets: 0,
        max_per_booking: 1,
        revision: 0,
        cover: None,
    }
}
