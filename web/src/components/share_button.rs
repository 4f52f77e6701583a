//! A button that shares the address of an event's page.

use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::events::Event;

use crate::{
    browser::{self, Shared},
    event_path::event_path,
    toasts::{Toast, Toasts, Tone},
};

#[component]
pub(crate) fn ShareButton(event: RwSignal<Event>) -> impl IntoView {
    let toasts = Toasts::from_context();
    let share = move |_| {
        let (title, path) =
            event.with_untracked(|event| (event.title.clone(), event_path(event.id.inner(), 1)));
        spawn_local(async move {
            let toast = match browser::share(&title, &path).await {
                Shared::Offered => return,
                Shared::Copied => Toast::new(Tone::Info, "The page's address is copied."),
                Shared::Refused => {
                    let text = "Your browser doesn't let pages copy. Please copy the address \
                                from its address bar.";
                    Toast::new(Tone::Error, text)
                }
            };
            toasts.show(toast.on_this_page());
        });
    };
    view! {
        <button type="button" class="button button-quiet" on:click=share>
            "Share"
        </button>
    }
}
