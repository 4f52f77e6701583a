//! Downloads the list of attendees as a file. The address needs an access token, so no link can do
//! it.

use leptos::{prelude::*, task::spawn_local};

use crate::{
    browser,
    organize::csv_name::csv_name,
    session::Session,
    toasts::{Toast, Toasts, Tone},
};

#[component]
pub(super) fn DownloadButton(
    id: String,
    title: String,
    /// The day of the event's start.
    date: String,
) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    let download = move |_| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let path = format!("/events/{id}/attendees.csv");
        let name = csv_name(&title, &date);
        spawn_local(async move {
            let toast = match session.download(&path).await {
                Ok(file) if browser::save_file(&file, &name).is_some() => {
                    Toast::new(Tone::Success, "The download has begun.")
                }
                Ok(_) => Toast::new(Tone::Error, "The browser can't save the file."),
                Err(failure) => {
                    let text = format!("The download failed. {}", failure.message());
                    Toast::new(Tone::Error, text).on_this_page()
                }
            };
            toasts.show(toast);
            busy.try_set(false);
        });
    };
    view! {
        <button
            type="button"
            class="button button-quiet"
            aria-disabled=move || busy.get().to_string()
            on:click=download
        >
            {move || if busy.get() { "Downloading…" } else { "Download CSV" }}
        </button>
    }
}
