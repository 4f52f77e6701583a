//! What every page begins with: where one can go, and who is signed in.

use leptos::{prelude::*, task::spawn_local};
use leptos_router::{components::A, hooks::use_navigate};

use super::toasts::{Toasts, Tone};
use crate::{
    browser::{focus, path_and_query},
    session::{Person, Session, Viewer},
};

#[component]
pub(crate) fn Header() -> impl IntoView {
    let session = Session::from_context();
    let account = move || match session.viewer() {
        Viewer::Unknown => {
            view! { <span class="line line-name" aria-hidden="true"></span> }.into_any()
        }
        Viewer::Nobody => view! {
            <A href="/sign-in">"Sign in"</A>
            <A href="/register" attr:class="button button-small">
                "Register"
            </A>
        }
        .into_any(),
        Viewer::Person(Person { name, .. }) => view! {
            <span class="who" title=name>
                {name.clone()}
            </span>
            <SignOut />
        }
        .into_any(),
    };
    view! {
        <a class="skip" href="#content" rel="external">
            "Skip to content"
        </a>
        <header class="site-header">
            <a class="logo" href="/events" aria-label="Rowlock, to the events">
                <svg viewBox="0 0 32 32" aria-hidden="true">
                    <rect width="32" height="32" rx="8"></rect>
                    <path d="M7 11h18v3a2 2 0 0 0 0 4v3H7v-3a2 2 0 0 0 0-4z"></path>
                </svg>
                "Rowlock"
            </a>
            <nav class="site-nav" aria-label="Site">
                <A href="/events">"Events"</A>
                <A href="/bookings">"My bookings"</A>
            </nav>
            <div class="account">{account}</div>
        </header>
    }
}

#[component]
fn SignOut() -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let navigate = use_navigate();
    let busy = RwSignal::new(false);
    let sign_out = move |_| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let navigate = navigate.clone();
        spawn_local(async move {
            match session.sign_out().await {
                Ok(()) => {
                    // Away from what only the signed-in can see, before that asks for a sign-in.
                    if path_and_query().starts_with("/bookings") {
                        navigate("/events", Default::default());
                    }
                    toasts.show(Tone::Plain, "You are signed out.");
                    focus("content");
                }
                Err(failure) => {
                    busy.set(false);
                    let why = failure.message();
                    toasts.show(Tone::Bad, format!("You are still signed in. {why}"));
                }
            }
        });
    };
    view! {
        <button type="button" class="link-button" on:click=sign_out>
            "Sign out"
        </button>
    }
}
