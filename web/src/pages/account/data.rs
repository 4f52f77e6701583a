//! What Rowlock knows of the user, as a file, and deleting the account.

use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::account::Account;

use super::delete_dialog::DeleteDialog;
use crate::{
    browser,
    query::Query,
    session::Session,
    toasts::{Toast, Toasts, Tone},
};

#[component]
pub(super) fn OwnData(account: Query<Account>) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    let is_asking = RwSignal::new(false);
    let download = move |_| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        spawn_local(async move {
            let toast = match session.download("/account/data.json").await {
                Ok(file) if browser::save_file(&file, "rowlock-account.json").is_some() => {
                    Toast::new(Tone::Success, "The download has begun.")
                }
                Ok(_) => Toast::new(Tone::Error, "The browser can't save the file."),
                Err(failure) => {
                    let text = format!("The download failed. {}", failure.message());
                    Toast::new(Tone::Error, text)
                }
            };
            toasts.show(toast.on_this_page());
            busy.try_set(false);
        });
    };
    view! {
        <section class="panel" aria-labelledby="data">
            <h2 id="data">"Your data"</h2>
            <p class="lead">"All that Rowlock keeps about you and your bookings, as a JSON file."</p>
            <button
                type="button"
                class="button button-quiet"
                aria-disabled=move || busy.get().to_string()
                on:click=download
            >
                {move || if busy.get() { "Downloading…" } else { "Download my data" }}
            </button>
        </section>
        <section class="panel" aria-labelledby="delete">
            <h2 id="delete">"Delete the account"</h2>
            <p class="lead">"This can't be undone."</p>
            <button
                type="button"
                class="button button-danger"
                on:click=move |_| is_asking.set(true)
            >
                "Delete my account…"
            </button>
        </section>
        <DeleteDialog is_asking account />
    }
}
