//! Downloads the list of attendees as a file. The address needs an access token, so no link can do
//! it.

use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;
use web_sys::{Blob, HtmlAnchorElement, Url};

use crate::{
    organize::csv_name::csv_name,
    session::Session,
    toasts::{Toast, Toasts, Tone},
};

#[component]
pub(super) fn DownloadButton(id: String, title: String, starts_at: String) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    let download = move |_| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let path = format!("/events/{id}/attendees.csv");
        let name = csv_name(&title, &starts_at);
        spawn_local(async move {
            let toast = match session.download(&path).await {
                Ok(file) if save(&file, &name).is_some() => {
                    Toast::new(Tone::Success, format!("{name} is downloaded."))
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
    Url::revoke_object_url(&url).ok()
}
