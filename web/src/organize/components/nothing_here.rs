//! Shown for an address of nothing, and of something that is not for this person.

use leptos::prelude::*;

use crate::{components::page_heading::PageHeading, pages::not_found::NotFound};

#[component]
pub(crate) fn NothingHere(title: &'static str) -> impl IntoView {
    view! {
        <PageHeading title="Not found" />
        <NotFound title />
    }
}
