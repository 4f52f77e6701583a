//! Says quietly whether the counts on the page are live. Not a live region: it would interrupt.

use leptos::prelude::*;

use crate::api::live::{Link, LiveCounts};

#[component]
pub(crate) fn LiveStatus() -> impl IntoView {
    let live = LiveCounts::from_context();
    view! {
        {move || {
            let (class, words) = match live.link()? {
                Link::Connecting => ("live", "Connecting…"),
                Link::Live => ("live live-on", "Live counts"),
                Link::Lost => ("live live-lost", "Reconnecting; counts may be out of date"),
            };
            Some(view! { <p class=class>{words}</p> })
        }}
    }
}
