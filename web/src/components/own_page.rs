//! Shows a page to the signed-in user, and leads everybody else to the sign-in.

use leptos::prelude::*;

use super::{icons::Warning, notice::Notice};
use crate::{
    browser,
    redirect::redirect_when,
    return_path::sign_in_path,
    session::{Session, SessionUser, Viewer},
};

/// The content is rendered anew for another person.
#[component]
pub(crate) fn OwnPage(
    /// Shown until it is known who is signed in.
    #[prop(into)]
    skeleton: ViewFn,
    children: ChildrenFn,
) -> impl IntoView {
    let session = Session::from_context();
    redirect_when(
        move || session.viewer() == Viewer::SignedOut,
        move || sign_in_path(&browser::path()),
    );
    let user_id = Memo::new(move |_| match session.viewer() {
        Viewer::SignedIn(SessionUser { id, .. }) => Some(id),
        Viewer::Unknown | Viewer::SignedOut => None,
    });
    move || match user_id.get() {
        Some(_) => children().into_any(),
        None if session.is_unreachable() => view! {
            <Notice
                icon=Warning
                title="We can't reach Rowlock."
                text="Please check your connection. Rowlock keeps trying."
            />
        }
        .into_any(),
        None => skeleton.run(),
    }
}
