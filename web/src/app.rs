//! The buyer's program and that of the user's bookings: the state that their pages share, and the
//! route to each page.

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
        account::AccountPage, booking::BookingPage, bookings::BookingsPage, event::EventPage,
        events::EventsPage, forgot_password::ForgotPasswordPage, not_found::NotFoundPage,
        register::RegisterPage, reset_password::ResetPasswordPage, sign_in::SignInPage,
        verify_email::VerifyEmailPage,
    },
    session::Session,
    toasts::Toasts,
};

#[component]
pub(crate) fn App() -> impl IntoView {
    provide_buyers_state();
    LastListPath::provide();
    view! {
        <Frame>
            <Pages />
        </Frame>
    }
}

#[component]
pub(crate) fn BookingsApp() -> impl IntoView {
    provide_buyers_state();
    view! {
        <Frame>
            <FlatRoutes fallback=NotFoundPage>
                <Route path=path!("/bookings") view=BookingsPage />
                <Route path=path!("/bookings/:id") view=BookingPage />
                <Route path=path!("/account") view=AccountPage />
                <Route path=path!("/forgot-password") view=ForgotPasswordPage />
                <Route path=path!("/reset-password") view=ResetPasswordPage />
                <Route path=path!("/verify-email") view=VerifyEmailPage />
            </FlatRoutes>
        </Frame>
    }
}

fn provide_buyers_state() {
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
            <Route path=path!("/sign-in") view=SignInPage />
            <Route path=path!("/register") view=RegisterPage />
        </FlatRoutes>
    }
}
