//! A button that has the mail sent again with which an address is confirmed.

use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::account::request_email_verification;

use crate::{
    session::Session,
    toasts::{Toast, Toasts, Tone},
};

#[component]
pub(crate) fn SendAgainButton(
    /// The address that is not confirmed.
    #[prop(into)]
    email: Signal<String>,
) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    let send = move |_| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        spawn_local(async move {
            let toast = match session.run(&request_email_verification()).await {
                Ok(_) => {
                    let email = email.try_get_untracked().unwrap_or_default();
                    Toast::new(Tone::Success, format!("We have sent the mail to {email} again."))
                }
                Err(failure) => {
                    let text = format!("The mail was not sent. {}", failure.message());
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
            class="link-button"
            aria-disabled=move || busy.get().to_string()
            on:click=send
        >
            {move || if busy.get() { "Sending…" } else { "Send the mail again" }}
        </button>
    }
}
