//! The header of every page: navigation and the signed-in user.

use leptos::prelude::*;
use leptos_router::components::A;

use super::sign_out_button::SignOutButton;
use crate::session::{Session, SessionUser, Viewer};

#[component]
pub(crate) fn Header() -> impl IntoView {
    let session = Session::from_context();
    let account = move || match session.viewer() {
        Viewer::Unknown => {
            view! { <span class="line line-name" aria-hidden="true"></span> }.into_any()
        }
        Viewer::SignedOut => view! {
            <A href="/sign-in">"Sign in"</A>
            <A href="/register" attr:class="button button-small">
                "Register"
            </A>
        }
        .into_any(),
        Viewer::SignedIn(SessionUser { name, .. }) => view! {
            <span class="who" title=name>
                {name.clone()}
            </span>
            <SignOutButton />
        }
        .into_any(),
    };
    view! {
        <a class="skip" href="#content" rel="external">
            "Skip to content"
        </a>
        <header class="site-header">
            <a class="logo" href="/events" aria-label="Rowlock: all events">
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
