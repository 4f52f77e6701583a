//! What stands where there is no page, or no such event.

use leptos::prelude::*;

use crate::components::{icons::Search, notice::Notice, page_heading::PageHeading};

#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    view! {
        <PageHeading title="Not found" />
        <NotFound what="There is no page at this address." />
    }
}

#[component]
pub(crate) fn NotFound(what: &'static str) -> impl IntoView {
    view! {
        <Notice icon=Search title=what text="It may have been moved, or the link may be incomplete.">
            <a class="button" href="/events">
                "See all events"
            </a>
        </Notice>
    }
}
