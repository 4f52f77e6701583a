//! The route to each page of the organizers' program.

use leptos::prelude::*;
use leptos_router::components::FlatRoutes;

use crate::{
    frame::{Frame, provide_shared_state},
    pages::not_found::NotFoundPage,
};

#[component]
pub(crate) fn OrganizeApp() -> impl IntoView {
    provide_shared_state();
    view! {
        <Frame>
            <FlatRoutes fallback=NotFoundPage>{()}</FlatRoutes>
        </Frame>
    }
}
