//! The route to each page of the organizers' program.

use leptos::prelude::*;
use leptos_router::{
    components::{FlatRoutes, Route},
    path,
};

use super::pages::{
    attendees::AttendeesPage, door::DoorPage, edit_event::EditEventPage, home::HomePage,
    members::MembersPage, my_events::MyEventsPage, new_event::NewEventPage, settings::SettingsPage,
};
use crate::{
    frame::{Frame, provide_shared_state},
    pages::not_found::NotFoundPage,
};

#[component]
pub(crate) fn OrganizeApp() -> impl IntoView {
    provide_shared_state();
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
            <Route path=path!("/organize") view=HomePage />
            <Route path=path!("/organize/events/:id") view=EditEventPage />
            <Route path=path!("/organize/events/:id/attendees") view=AttendeesPage />
            <Route path=path!("/organize/events/:id/door") view=DoorPage />
            <Route path=path!("/organize/:slug") view=MyEventsPage />
            <Route path=path!("/organize/:slug/events/new") view=NewEventPage />
            <Route path=path!("/organize/:slug/members") view=MembersPage />
            <Route path=path!("/organize/:slug/settings") view=SettingsPage />
        </FlatRoutes>
    }
}
