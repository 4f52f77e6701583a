//! Says quietly whether the counts on the page are live. Not a live region: it would interrupt.

use leptos::prelude::*;

use crate::api::live::{Connection, LiveCounts};

#[component]
pub(crate) fn LiveStatus() -> impl IntoView {
    let live = LiveCounts::from_context();
    view! {
        {move || {
            let (class, words) = match live.connection() {
                // Keeps its place.
                None => ("live live-none", "\u{a0}"),
                Some(Connection::Connecting) => ("live", "Connecting…"),
                Some(Connection::Live) => ("live live-on", "Live counts"),
                Some(Connection::Lost) => ("live live-lost", "Reconnecting; counts may be out of date"),
            };
            view! { <p class=class>{words}</p> }
        }}
    }
}
