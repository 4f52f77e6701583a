//! Downloads the list of attendees as a file. The address needs an access token, so no link can do
//! it.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;
use web_sys::{Blob, HtmlAnchorElement, Url};

use crate::{
    organize::csv_name::csv_name,
    session::Session,
    toasts::{Toast, Toasts, Tone},
};

/// How long the file's address stays valid. A browser may read the file long after the click.
const ADDRESS_LIFETIME: Duration = Duration::from_secs(60);

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
                Ok(file) if save(&file, &name).is_some() => {
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

/// Lets the browser save a file under a name.
fn save(file: &Blob, name: &str) -> Option<()> {
    let url = Url::create_object_url_with_blob(file).ok()?;
    let link = document().create_element("a").ok()?.unchecked_into::<HtmlAnchorElement>();
    link.set_href(&url);
    link.set_download(name);
    link.click();
    set_timeout(
        move || {
            // It fails only for a text that is no address.
            let _ = Url::revoke_object_url(&url);
        },
        ADDRESS_LIFETIME,
    );
    Some(())
}
