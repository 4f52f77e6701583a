//! The private address by which calendar programs read the user's bookings.

use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::account::{Account, create_calendar_feed, remove_calendar_feed};
use web_sys::{FocusEvent, HtmlInputElement};

use super::of_account::of_account;
use crate::{
    browser,
    query::Query,
    session::Session,
    toasts::{Toast, Toasts, Tone},
};

#[component]
pub(super) fn CalendarFeed(account: Query<Account>) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    let url = of_account(account, |account| account.calendar_url.clone());
    let url = Memo::new(move |_| url.get().flatten());
    let change = move |is_wanted: bool| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let had_one = url.get_untracked().is_some();
        spawn_local(async move {
            let answer = match is_wanted {
                true => session
                    .run(&create_calendar_feed())
                    .await
                    .map(|answer| answer.create_calendar_feed),
                false => session
                    .run(&remove_calendar_feed())
                    .await
                    .map(|answer| answer.remove_calendar_feed),
            };
            let toast = match answer {
                Ok(changed) => {
                    account.update(|shown| *shown = changed);
                    let text = match (is_wanted, had_one) {
                        (true, false) => "The address is there.",
                        (true, true) => {
                            "There is another address. The one before has stopped \
                                         working."
                        }
                        (false, _) => "The address has stopped working.",
                    };
                    // The button that had the focus may be gone.
                    request_animation_frame(|| {
                        if !browser::has_focus() {
                            browser::focus("calendar");
                        }
                    });
                    Toast::new(Tone::Success, text)
                }
                Err(failure) => Toast::new(Tone::Error, failure.message()),
            };
            toasts.show(toast.on_this_page());
            busy.try_set(false);
        });
    };
    let copy = move |_| {
        let Some(url) = url.get_untracked() else { return };
        spawn_local(async move {
            let toast = match browser::copy(&url).await {
                true => Toast::new(Tone::Info, "The address is copied."),
                false => Toast::new(
                    Tone::Error,
                    "Your browser doesn't let pages copy. Please copy the address from its field.",
                ),
            };
            toasts.show(toast.on_this_page());
        });
    };
    view! {
        <section class="panel" aria-labelledby="calendar">
            <h2 id="calendar" tabindex="-1">
                "Calendar"
            </h2>
            <p class="lead">
                "Your calendar program can show your bookings and follow their changes. It reads \
                 them from a private address: whoever has the address sees your bookings."
            </p>
            {move || match url.get() {
                None => {
                    view! {
                        <button
                            type="button"
                            class="button"
                            aria-disabled=move || busy.get().to_string()
                            on:click=move |_| change(true)
                        >
                            "Create the address"
                        </button>
                    }
                        .into_any()
                }
                Some(url) => {
                    view! {
                        <label class="hidden" for="calendar-url">
                            "Private address"
                        </label>
                        <input
                            id="calendar-url"
                            type="text"
                            readonly
                            value=url
                            on:focus=|event| select_all(&event)
                        />
                        <div class="actions">
                            <button type="button" class="button button-quiet" on:click=copy>
                                "Copy"
                            </button>
                            <button
                                type="button"
                                class="button button-quiet"
                                aria-disabled=move || busy.get().to_string()
                                on:click=move |_| change(true)
                            >
                                "Replace"
                            </button>
                            <button
                                type="button"
                                class="button button-quiet"
                                aria-disabled=move || busy.get().to_string()
                                on:click=move |_| change(false)
                            >
                                "Remove"
                            </button>
                        </div>
                    }
                        .into_any()
                }
            }}
        </section>
    }
}

/// Selects the text of the field, so that it can be copied.
fn select_all(event: &FocusEvent) {
    event_target::<HtmlInputElement>(event).select();
}
