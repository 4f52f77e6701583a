//! Shows a page to signed-in people, and asks everybody else to sign in.

use leptos::prelude::*;

use crate::{
    browser::path_and_query,
    components::{
        icons::{Ticket, Warning},
        notice::Notice,
        page_heading::PageHeading,
    },
    return_path::{path_with_next, sign_in_path},
    session::{Session, SessionUser, Viewer},
};

/// The page is rendered anew for another person.
#[component]
pub(crate) fn SignedIn(children: ChildrenFn) -> impl IntoView {
    let session = Session::from_context();
    let user_id = Memo::new(move |_| match session.viewer() {
        Viewer::SignedIn(SessionUser { id, .. }) => Some(id),
        Viewer::Unknown | Viewer::SignedOut => None,
    });
    let is_unknown = Memo::new(move |_| session.viewer() == Viewer::Unknown);
    move || match user_id.get() {
        Some(_) => children().into_any(),
        None if !is_unknown.get() => view! { <SignInNotice /> }.into_any(),
        None if session.is_unreachable() => view! {
            <Notice
                icon=Warning
                title="We can't reach Rowlock."
                text="Please check your connection. Rowlock keeps trying."
            />
        }
        .into_any(),
        None => view! {
            <div class="panel skeleton" aria-hidden="true">
                <div class="line line-title"></div>
                <div class="line"></div>
            </div>
        }
        .into_any(),
    }
}

#[component]
fn SignInNotice() -> impl IntoView {
    let here = path_and_query();
    view! {
        <PageHeading title="Organize events" />
        <Notice
            icon=Ticket
            title="Please sign in to organize events."
            text="You will come back to this page."
        >
            <a class="button" href=sign_in_path(&here) rel="external">
                "Sign in"
            </a>
            <a href=path_with_next("/register", &here) rel="external">
                "Create account"
            </a>
        </Notice>
    }
}
