//! The application: the shared state that components find in the context, the frame around each
//! page, and the route to each page.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    components::{FlatRoutes, Redirect, Route, Router},
    hooks::{use_location, use_navigate},
    path,
};

use crate::{
    api::{Failure, live::LiveCounts},
    browser::path_and_query,
    components::{
        deferred::Deferred, header::Header, page_heading::FirstPageShown, toast_region::ToastRegion,
    },
    last_list::LastListPath,
    my_bookings::MyBookings,
    pages::{
        bookings::BookingsPage, event::EventPage, events::EventsPage, not_found::NotFoundPage,
        register::RegisterPage, sign_in::SignInPage,
    },
    return_path::sign_in_path,
    scroll::ScrollPositions,
    session::{Session, Viewer},
    toasts::{Toast, Toasts, Tone},
    visibility::PageVisibility,
};

#[component]
pub(crate) fn App() -> impl IntoView {
    let session = Session::provide();
    let toasts = Toasts::provide();
    let live = LiveCounts::provide();
    let visibility = PageVisibility::provide();
    MyBookings::provide(session, live, toasts, visibility);
    Effect::watch(
        move || visibility.times_shown_again(),
        move |_, _, _| live.check_connection(),
        false,
    );
    FirstPageShown::provide();
    LastListPath::provide();
    ScrollPositions::provide();
    view! {
        <Router>
            <SessionEffects />
            <PageMessages />
            <Header />
            <main id="content" tabindex="-1">
                <Deferred>
                    <Pages />
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
                "API playground"
            </a>
        }
    });
    view! {
        <footer class="site-footer">
            <p>"Rowlock never sells a ticket twice."</p>
            {link}
        </footer>
    }
}

#[component]
fn Pages() -> impl IntoView {
    view! {
        <FlatRoutes fallback=NotFoundPage>
            <Route
                path=path!("/")
                view=|| {
                    let options = NavigateOptions { replace: true, ..Default::default() };
                    view! { <Redirect path="/events" options /> }
                }
            />
            <Route path=path!("/events") view=EventsPage />
            <Route path=path!("/events/:id") view=EventPage />
            <Route path=path!("/bookings") view=BookingsPage />
            <Route path=path!("/sign-in") view=SignInPage />
            <Route path=path!("/register") view=RegisterPage />
        </FlatRoutes>
    }
}

/// Reacts to a change of user and to a session that has ended.
#[component]
fn SessionEffects() -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let my_bookings = MyBookings::from_context();
    let navigate = use_navigate();
    Effect::watch(
        move || session.viewer(),
        move |viewer, _, _| my_bookings.change_viewer(viewer),
        false,
    );
    Effect::watch(
        move || session.times_expired(),
        move |_, _, _| {
            let is_signed_out = move || session.viewer() == Viewer::SignedOut;
            let text = Failure::SessionEnded.message();
            toasts.show(Toast::new(Tone::Error, text).while_true(is_signed_out));
            let here = path_and_query();
            if !here.starts_with("/sign-in") {
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
