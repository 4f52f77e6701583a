//! What the pages of all programs have around them: the header, the footer and the messages, and
//! the state that components find in the context.

use leptos::prelude::*;
use leptos_router::{
    components::Router,
    hooks::{use_location, use_navigate},
};

use crate::{
    api::{Failure, live::LiveCounts},
    browser::path_and_query,
    components::{
        deferred::Deferred, header::Header, page_heading::FirstPageShown, toast_region::ToastRegion,
    },
    preview::static_page,
    program::Program,
    return_path::sign_in_path,
    scroll::ScrollPositions,
    session::{Session, Viewer},
    toasts::{Toast, Toasts, Tone},
    visibility::PageVisibility,
};

/// Provides the state that the pages of all programs share.
pub(crate) fn provide_shared_state() {
    Session::provide();
    Toasts::provide();
    let live = LiveCounts::provide();
    let visibility = PageVisibility::provide();
    Effect::watch(
        move || visibility.times_shown_again(),
        move |_, _, _| live.check_connection(),
        false,
    );
    FirstPageShown::provide();
    ScrollPositions::provide();
}

/// The frame around the pages of one program.
#[component]
pub(crate) fn Frame(
    /// The routes to the pages.
    children: ChildrenFn,
) -> impl IntoView {
    view! {
        <Router>
            <SessionEnd />
            <PageMessages />
            <Header />
            <main id="content" tabindex="-1">
                <Deferred>
                    {
                        // It goes in the task that draws the page, so the screen is never empty.
                        if let Some(static_page) = static_page() {
                            static_page.remove();
                        }
                        children()
                    }
                </Deferred>
            </main>
            <Deferred>
                <Footer />
            </Deferred>
        </Router>
        <ToastRegion />
    }
}

#[component]
fn Footer() -> impl IntoView {
    // The server writes this link only if it has IDEs.
    let has_ides = document().query_selector("link[rel=help]").is_ok_and(|link| link.is_some());
    let link = has_ides.then(|| {
        view! {
            <a href="/playground" rel="external">
                "API"
            </a>
        }
    });
    let page = |path: &'static str, name: &'static str| {
        view! {
            <a href=path rel="external">
                {name}
            </a>
        }
    };
    view! {
        <footer class="site-footer">
            <p>"Rowlock never sells a ticket twice."</p>
            <nav class="site-links" aria-label="Rowlock">
                {page("/help", "Help")} {page("/terms", "Terms")} {page("/privacy", "Privacy")}
                {page("/refunds", "Refunds")} {link}
            </nav>
        </footer>
    }
}

/// Tells the user that their session has ended.
#[component]
fn SessionEnd() -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let navigate = use_navigate();
    Effect::watch(
        move || session.times_expired(),
        move |_, _, _| {
            let is_signed_out = move || session.viewer() == Viewer::SignedOut;
            let text = Failure::SessionEnded.message();
            toasts.show(Toast::new(Tone::Error, text.clone()).while_true(is_signed_out));
            let here = path_and_query();
            if Program::of(&here) == Program::Bookings {
                Toasts::keep_for_next_page(&text);
            }
            // The organizers' pages ask for a sign-in themselves.
            if Program::of(&here) == Program::Buyer && !here.starts_with("/sign-in") {
                navigate(&sign_in_path(&here), Default::default());
            }
        },
        false,
    );
}

/// Removes the messages of a page when the user leaves it.
#[component]
fn PageMessages() -> impl IntoView {
    let toasts = Toasts::from_context();
    let path = use_location().pathname;
    Effect::watch(move || path.get(), move |path, _, _| toasts.dismiss_of_other_pages(path), false);
}
