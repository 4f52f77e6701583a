//! The header of every page: navigation and the signed-in user.

use leptos::prelude::*;
use leptos_router::{components::A, hooks::use_location, location::Location};

use super::sign_out_button::SignOutButton;
use crate::{
    browser,
    program::Program,
    return_path::path_with_next,
    session::{Session, SessionUser, Viewer},
};

#[component]
pub(crate) fn Header() -> impl IntoView {
    let session = Session::from_context();
    let Location { pathname, search, query, .. } = use_location();
    // Signing in leads back to the current page. The forms already know where to.
    let next = Memo::new(move |_| match pathname.get().as_str() {
        "/sign-in" | "/register" => query.with(|query| query.get("next").unwrap_or_default()),
        // They are good once, or only for somebody who can't sign in.
        "/forgot-password" | "/reset-password" | "/verify-email" => String::new(),
        path => match search.get().as_str() {
            "" => path.to_owned(),
            search => format!("{path}?{search}"),
        },
    });
    let account = move || match session.viewer() {
        Viewer::Unknown => {
            view! { <span class="line line-name" aria-hidden="true"></span> }.into_any()
        }
        Viewer::SignedOut => view! {
            <SiteLink
                to=Signal::derive(move || path_with_next("/sign-in", &next.get()))
                label="Sign in"
            />
            <SiteLink
                to=Signal::derive(move || path_with_next("/register", &next.get()))
                label="Create account"
                class="button button-small"
            />
        }
        .into_any(),
        Viewer::SignedIn(SessionUser { name, .. }) => view! {
            <a
                class="who"
                href="/account"
                rel=browser::rel_of("/account")
                title="My account"
            >
                {name}
            </a>
            <SignOutButton />
        }
        .into_any(),
    };
    view! {
        <a class="skip" href="#content" rel="external">
            "Skip to content"
        </a>
        <header class="site-header">
            <a
                class="logo"
                href="/events"
                rel=browser::rel_of("/events")
                aria-label="Rowlock: all events"
            >
                <svg viewBox="0 0 32 32" aria-hidden="true">
                    <rect width="32" height="32" rx="8"></rect>
                    <path d="M7 11h18v3a2 2 0 0 0 0 4v3H7v-3a2 2 0 0 0 0-4z"></path>
                </svg>
                "Rowlock"
            </a>
            <nav class="site-nav" aria-label="Site">
                <SiteLink to="/events" label="Events" />
                <SiteLink to="/bookings" label="My bookings" />
                <Show when=move || matches!(session.viewer(), Viewer::SignedIn(_))>
                    <SiteLink to="/organize" label="Organize" />
                </Show>
            </nav>
            <div class="account">{account}</div>
        </header>
    }
}

/// A link of the header. The browser itself follows it if it leads to another program.
#[component]
fn SiteLink(
    #[prop(into)] to: Signal<String>,
    label: &'static str,
    #[prop(optional)] class: &'static str,
) -> impl IntoView {
    let class = (!class.is_empty()).then_some(class);
    let is_here = to.with_untracked(|to| Program::of(to) == browser::this_program());
    match is_here {
        true => view! {
            <A href=move || to.get() attr:class=class>
                {label}
            </A>
        }
        .into_any(),
        false => view! {
            <a href=move || to.get() rel="external" class=class>
                {label}
            </a>
        }
        .into_any(),
    }
}
