//! Says quietly whether the counts on the page are live. Not a live region: it would interrupt.

use leptos::prelude::*;

use crate::api::live::{Link, LiveCounts};

#[component]
pub(crate) fn LiveStatus() -> impl IntoView {
    let live = LiveCounts::from_context();
    view! {
        {move || {
            let (class, words) = match live.link() {
                // Keeps its place.
                None => ("live live-none", "\u{a0}"),
                Some(Link::Connecting) => ("live", "Connecting…"),
                Some(Link::Live) => ("live live-on", "Live counts"),
                Some(Link::Lost) => ("live live-lost", "Reconnecting; counts may be out of date"),
            };
            view! { <p class=class>{words}</p> }
        }}
    }
}
