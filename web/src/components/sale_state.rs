//! How an event's sale stands: whether tickets can be booked, and how many are left.

use std::time::Duration;

use leptos::prelude::*;
use rowlock_web_operations::{
    DateTime,
    events::{Event, EventStatus},
};

use super::{
    event_text::text_of,
    ticket_badge::{TicketBadge, TicketBar},
};
use crate::{
    browser, dates,
    event_changes::cancellation,
    sale::{Sale, next_change},
    ticket_count::TicketCount,
};

/// The state of the event's sale by the browser's clock. It changes with the time and with edits.
pub(crate) fn sale_of(event: RwSignal<Event>) -> Memo<Sale> {
    /// The maximum of a browser's timer, about 24 days.
    const MAX_TIMER_MILLIS: f64 = 2_147_483_647.0;
    let changes = Trigger::new();
    Effect::new(move |_| {
        changes.track();
        let next =
            event.with(|event| next_change(event, &browser::now()).map(browser::millis_until));
        let Some(millis) = next.filter(|millis| *millis < MAX_TIMER_MILLIS) else { return };
        let wait = Duration::from_millis(millis.max(0.0).ceil() as u64);
        if let Ok(timer) = set_timeout_with_handle(move || changes.notify(), wait) {
            on_cleanup(move || timer.clear());
        }
    });
    Memo::new(move |_| {
        changes.track();
        event.with(|event| Sale::at(event, &browser::now()))
    })
}

/// The number of tickets that are left. For an event that is cancelled or not on sale yet, it says
/// that.
#[component]
pub(crate) fn SaleState(
    event: RwSignal<Event>,
    sale: Memo<Sale>,
    tickets: ArcRwSignal<TicketCount>,
    /// Whether to show the number of all tickets, too.
    #[prop(optional)]
    with_total: bool,
) -> impl IntoView {
    let note = text_of(event, |event| match event.status {
        EventStatus::Cancelled => cancellation(event.cancellation_reason.as_deref()),
        EventStatus::Draft | EventStatus::Published => on_sale_from(event),
    });
    let state = move || {
        let is_cancelled = sale.get() == Sale::Cancelled;
        let has_note = is_cancelled || sale.get() == Sale::NotYetOpen;
        let tickets = tickets.clone();
        view! {
            {match is_cancelled {
                true => view! { <span class="badge badge-few">"Cancelled"</span> }.into_any(),
                false => {
                    let total = with_total.then(|| of_total(tickets.clone()));
                    view! {
                        <div class="count">
                            <TicketBadge tickets=tickets.clone() />
                            {total}
                        </div>
                        <TicketBar tickets />
                    }
                        .into_any()
                }
            }}
            {has_note.then(|| view! { <p class="sale-note">{note}</p> })}
        }
    };
    state.into_any()
}

fn of_total(tickets: ArcRwSignal<TicketCount>) -> impl IntoView {
    let words = move || {
        let tickets = tickets.get();
        (tickets.remaining() > 0).then(|| format!("of {}", browser::number(tickets.total())))
    };
    view! { <span class="of-all">{words}</span> }
}

fn on_sale_from(event: &Event) -> String {
    let written = |start: &DateTime| dates::time_in(start, &event.time_zone);
    format!("On sale from {}", event.sales_start_at.as_ref().map(written).unwrap_or_default())
}
