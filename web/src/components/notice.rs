//! What stands where there is nothing to show.

use leptos::prelude::*;

use super::icons::Warning;
use crate::api::Failure;

/// With words, and a way on.
#[component]
pub(crate) fn Notice(
    #[prop(into)] icon: ViewFn,
    #[prop(into)] title: String,
    #[prop(optional, into)] text: String,
    /// The way on, where there is one.
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

/// That reading failed, with a way to try again.
#[component]
pub(crate) fn FailureNotice(
    failure: Failure,
    /// Whether it is being tried again.
    #[prop(into)]
    busy: Signal<bool>,
    #[prop(into)] retry: Callback<()>,
) -> impl IntoView {
    view! {
        <div role="alert">
            <Notice icon=Warning title="That didn't work." text=failure.message()>
                <button
                    type="button"
                    class="button"
                    aria-disabled=move || busy.get().to_string()
                    on:click=move |_| {
                        if !busy.get_untracked() {
                            retry.run(());
                        }
                    }
                >
                    {move || if busy.get() { "Trying…" } else { "Try again" }}
                </button>
            </Notice>
        </div>
    }
}
