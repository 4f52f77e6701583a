//! A button that ends the session, here or on all devices.

use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_navigate;

use crate::{
    browser::{focus, path_and_query},
    session::Session,
    toasts::{Toasts, Tone},
};

#[component]
pub(crate) fn SignOutButton(#[prop(optional)] everywhere: bool) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let navigate = use_navigate();
    let busy = RwSignal::new(false);
    let (label, done) = match everywhere {
        false => ("Sign out", "You are signed out."),
        true => ("Sign out everywhere", "You are signed out on all devices."),
    };
    let sign_out = move |_| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let navigate = navigate.clone();
        spawn_local(async move {
            let signed_out = match everywhere {
                false => session.sign_out().await,
                true => session.sign_out_everywhere().await,
            };
            match signed_out {
                Ok(()) => {
                    // Leaves the bookings page before that page redirects to the sign-in.
                    if path_and_query().starts_with("/bookings") {
                        navigate("/events", Default::default());
                    }
                    toasts.show(Tone::Info, done);
                    focus("content");
                }
                Err(failure) => {
                    busy.set(false);
                    let why = failure.message();
                    toasts.show(Tone::Error, format!("You are still signed in. {why}"));
                }
            }
        });
    };
    view! {
        <button type="button" class="link-button" on:click=sign_out>
            {label}
        </button>
    }
}
