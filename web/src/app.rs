//! The buyer's program: the state that its pages share, and the route to each page.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    components::{FlatRoutes, Redirect, Route},
    path,
};

use crate::{
    api::live::LiveCounts,
    frame::{Frame, provide_shared_state},
    last_list::LastListPath,
    my_bookings::MyBookings,
    pages::{
        bookings::BookingsPage, event::EventPage, events::EventsPage, not_found::NotFoundPage,
        register::RegisterPage, sign_in::SignInPage,
    },
    session::Session,
    toasts::Toasts,
    visibility::PageVisibility,
};

#[component]
pub(crate) fn App() -> impl IntoView {
    provide_shared_state();
    let session = Session::from_context();
    let (live, visibility) = (LiveCounts::from_context(), PageVisibility::from_context());
    MyBookings::provide(session, live, Toasts::from_context(), visibility);
    let my_bookings = MyBookings::from_context();
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
            <Route path=path!("/bookings") view=BookingsPage />
            <Route path=path!("/sign-in") view=SignInPage />
            <Route path=path!("/register") view=RegisterPage />
        </FlatRoutes>
    }
}
