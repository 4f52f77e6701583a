//! Shown in place of content when there is none.

use std::time::Duration;

use leptos::prelude::*;

use super::icons::Warning;
use crate::api::Failure;

/// A title, an optional text, and optional links or buttons.
#[component]
pub(crate) fn Notice(
    #[prop(into)] icon: ViewFn,
    #[prop(into)] title: String,
    #[prop(optional, into)] text: String,
    /// Links or buttons that lead on.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="notice">
            <div class="notice-icon">{icon.run()}</div>
            <p class="notice-title">{title}</p>
            {(!text.is_empty()).then(|| view! { <p>{text}</p> })}
            {children.map(|children| children())}
        </div>
    }
}

/// How often a page that could not be loaded tries again by itself.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Says that loading failed, tries again by itself, and offers to do so at once.
#[component]
pub(crate) fn FailureNotice(
    failure: Failure,
    /// Whether another attempt is running.
    #[prop(into)]
    busy: Signal<bool>,
    #[prop(into)] retry: Callback<()>,
) -> impl IntoView {
    let retry_now = move || {
        if !busy.get_untracked() {
            retry.run(());
        }
    };
    if let Ok(timer) = set_interval_with_handle(retry_now, RETRY_INTERVAL) {
        on_cleanup(move || timer.clear());
    }
    view! {
        <div role="alert">
            <Notice icon=Warning title="This page couldn't be loaded." text=failure.message()>
                <button
                    type="button"
                    class="button"
                    aria-disabled=move || busy.get().to_string()
                    on:click=move |_| retry_now()
                >
                    {move || if busy.get() { "Trying…" } else { "Try again" }}
                </button>
            </Notice>
        </div>
    }
}
