//! The remaining tickets, as a badge and as a bar.

use leptos::{html, prelude::*};

use crate::{browser, ticket_count::TicketCount};

#[component]
pub(crate) fn TicketBadge(tickets: ArcRwSignal<TicketCount>) -> impl IntoView {
    let badge = tickets.clone();
    view! {
        <span class=move || format!("badge badge-{}", badge.get().availability().css_name())>
            {move || tickets.get().label(browser::number)}
        </span>
    }
}

/// The remaining share as a bar. Hidden from screen readers, because the badge says it.
#[component]
pub(crate) fn TicketBar(tickets: ArcRwSignal<TicketCount>) -> impl IntoView {
    let filling = NodeRef::<html::Div>::new();
    let level = tickets.clone();
    Effect::new(move || {
        let percent = tickets.get().percent_left();
        if let Some(filling) = filling.get() {
            // Set by script, because the content security policy forbids style attributes.
            let style = web_sys::HtmlElement::style(&filling);
            let _ = style.set_property("width", &format!("{percent}%"));
        }
    });
    view! {
        <div class="bar" aria-hidden="true">
            <div
                class=move || format!("bar-filling bar-{}", level.get().availability().css_name())
                node_ref=filling
            ></div>
        </div>
    }
}
