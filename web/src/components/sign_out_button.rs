//! A button that ends the session, here or on all devices.

use leptos::{prelude::*, task::spawn_local};

use crate::{
    browser::{focus, load_instead, this_program},
    program::Program,
    session::{Session, Viewer},
    toasts::{Toast, Toasts, Tone},
};

#[component]
pub(crate) fn SignOutButton(#[prop(optional)] everywhere: bool) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    let (label, done) = match everywhere {
        false => ("Sign out", "You are signed out."),
        true => ("Sign out everywhere", "You are signed out on all devices."),
    };
    let sign_out = move |_| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        spawn_local(async move {
            let signed_out = match everywhere {
                false => session.sign_out().await,
                true => session.sign_out_everywhere().await,
            };
            match signed_out {
                Ok(()) => {
                    // Leaves the bookings page before that page redirects to the sign-in.
                    if this_program() == Program::Bookings {
                        Toasts::keep_for_next_page(done);
                        return load_instead("/events");
                    }
                    let is_signed_out = move || session.viewer() == Viewer::SignedOut;
                    toasts.show(Toast::new(Tone::Info, done).while_true(is_signed_out));
                    focus("content");
                }
                Err(failure) => {
                    busy.set(false);
                    let why = failure.message();
                    let is_signed_in = move || session.viewer() != Viewer::SignedOut;
                    let text = format!("You are still signed in. {why}");
                    toasts.show(Toast::new(Tone::Error, text).while_true(is_signed_in));
                }
            }
        });
    };
    view! {
        <button type="button" class="link-button" on:click=sign_out>
            {label}
        </button>
    }
}
