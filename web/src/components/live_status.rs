//! Shows whether the counts on the page are live. It is no ARIA live region, because that would
//! interrupt screen readers.

use leptos::prelude::*;

use crate::api::live::{Connection, LiveCounts};

#[component]
pub(crate) fn LiveStatus() -> impl IntoView {
    let live = LiveCounts::from_context();
    view! {
        {move || {
            let (class, words) = match live.connection() {
                // Keeps the place of the words that nearly always come next.
                None | Some(Connection::Connecting) => ("live live-none", "Live counts"),
                Some(Connection::Live) => ("live live-on", "Live counts"),
                Some(Connection::Lost) => {
                    ("live live-lost", "Reconnecting; counts may be out of date")
                }
            };
            view! { <p class=class>{words}</p> }
        }}
    }
}
