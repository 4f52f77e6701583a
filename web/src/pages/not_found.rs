//! Shown for an address without a page, and for an event that does not exist.

use leptos::prelude::*;

use crate::{
    browser,
    components::{icons::Search, notice::Notice, page_heading::PageHeading},
};

#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    view! {
        <PageHeading title="Not found" />
        <NotFound title="There is no page at this address." />
    }
}

#[component]
pub(crate) fn NotFound(title: &'static str) -> impl IntoView {
    view! {
        <Notice icon=Search title text="It may have been moved, or the link may be incomplete.">
            <a
                class="button"
                href="/events"
                rel=browser::rel_of("/events")
            >
                "See all events"
            </a>
        </Notice>
    }
}
