//! How many tickets are left, in words on a badge and as a bar.

use leptos::{html, prelude::*};

use crate::tickets::Tickets;

#[component]
pub(crate) fn TicketCount(tickets: ArcRwSignal<Tickets>) -> impl IntoView {
    let badge = tickets.clone();
    view! {
        <span class=move || format!("badge badge-{}", badge.get().level().name())>
            {move || tickets.get().in_words()}
        </span>
    }
}

/// The same to the eye only.
#[component]
pub(crate) fn TicketBar(tickets: ArcRwSignal<Tickets>) -> impl IntoView {
    let filling = NodeRef::<html::Div>::new();
    let level = tickets.clone();
    Effect::new(move || {
        let percent = tickets.get().percent();
        if let Some(filling) = filling.get() {
            // By script, since the page's policy allows no style attributes.
            let style = web_sys::HtmlElement::style(&filling);
            let _ = style.set_property("width", &format!("{percent}%"));
        }
    });
    view! {
        <div class="bar" aria-hidden="true">
            <div
                class=move || format!("bar-filling bar-{}", level.get().level().name())
                node_ref=filling
            ></div>
        </div>
    }
}
