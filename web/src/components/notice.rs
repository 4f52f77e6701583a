//! Shown in place of content when there is none.

use futures_timer::Delay;
use js_sys::Math;
use leptos::{prelude::*, task::spawn_local};

use super::icons::Warning;
use crate::{api::Failure, backoff::pause_before_retry, browser};

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

/// As many failures count for the first pause, which is two to four seconds.
const FIRST_PAUSE: u32 = 4;

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
    if failure.is_inconclusive() {
        let is_over = StoredValue::new(false);
        on_cleanup(move || is_over.set_value(true));
        spawn_local(async move {
            for failures in FIRST_PAUSE.. {
                Delay::new(pause_before_retry(failures, Math::random())).await;
                if is_over.try_get_value() != Some(false) {
                    return;
                }
                if browser::is_page_visible() {
                    retry_now();
                }
            }
        });
    }
    let message = failure.message();
    view! {
        <Notice icon=Warning title="This page couldn't be loaded.">
            // Without the button, whose words change with each attempt.
            <p role="alert">
                <span class="hidden">"This page couldn't be loaded. "</span>
                {message}
            </p>
            <button
                type="button"
                class="button"
                aria-disabled=move || busy.get().to_string()
                on:click=move |_| retry_now()
            >
                {move || if busy.get() { "Trying…" } else { "Try again" }}
            </button>
        </Notice>
    }
}
