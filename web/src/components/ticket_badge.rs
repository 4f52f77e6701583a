//! The remaining tickets, as a badge and as a bar.

use std::cmp::Ordering;

use leptos::{html, prelude::*};

use crate::{browser, ticket_count::TicketCount};

#[component]
pub(crate) fn TicketBadge(tickets: ArcRwSignal<TicketCount>) -> impl IntoView {
    let badge = tickets.clone();
    // The count, and how the words for it come in: from above or below those that they replace.
    let counted = Memo::new(move |before: Option<&(TicketCount, &'static str)>| {
        let now = tickets.get();
        let motion = match before.map(|(before, _)| now.remaining().cmp(&before.remaining())) {
            Some(Ordering::Less) => "fell",
            Some(Ordering::Greater) => "rose",
            Some(Ordering::Equal) | None => "",
        };
        (now, motion)
    });
    view! {
        <span class=move || format!("badge badge-{}", badge.get().availability().css_name())>
            // A new element with each count, because its animation runs only once.
            {move || {
                let (tickets, motion) = counted.get();
                view! { <span class=motion>{tickets.label(browser::number)}</span> }
            }}
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
