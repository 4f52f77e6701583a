//! The buyer's program: the state that its pages share, and the route to each page.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    components::{FlatRoutes, Redirect, Route},
    path,
};

use crate::{
    api::{details::LiveDetails, live::LiveCounts},
    edit_notices::tell_edits,
    frame::{Frame, provide_shared_state},
    last_list::LastListPath,
    my_bookings::MyBookings,
    pages::{
        bookings::BookingsPage, event::EventPage, events::EventsPage, not_found::NotFoundPage,
        register::RegisterPage, sign_in::SignInPage,
    },
    session::Session,
    toasts::Toasts,
};

#[component]
pub(crate) fn App() -> impl IntoView {
    provide_shared_state();
    let session = Session::from_context();
    let (live, details) = (LiveCounts::from_context(), LiveDetails::from_context());
    let toasts = Toasts::from_context();
    let my_bookings = MyBookings::provide(session, live, details, toasts);
    tell_edits(details, my_bookings, toasts);
    Effect::watch(
        move || session.viewer(),
        move |viewer, _, _| my_bookings.change_viewer(viewer),
        false,
    );
    LastListPath::provide();
    view! {
        <Frame>
            <Pages />
        </Frame>
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
            <Route path=path!("/organizers/:slug") view=EventsPage />
            <Route path=path!("/bookings") view=BookingsPage />
            <Route path=path!("/sign-in") view=SignInPage />
            <Route path=path!("/register") view=RegisterPage />
        </FlatRoutes>
    }
}
