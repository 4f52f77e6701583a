//! Rowlock's web client. It is three programs, which `src/bin` has: the buyer's, that of the user's
//! bookings and account, and the organizers'. So a first visit loads nothing of the others' pages.
//!
//! Modules import only from the layers below them:
//!
//! 1. `app`: the buyer's program and that of the bookings; `organize`: the organizers' program with
//!    its pages
//! 2. `frame`: the frame around every page; `pages`: one module for each page of the buyer's program
//! 3. `components`: what pages are built from
//! 4. `edit_notices`: tells what edits have changed; `my_bookings`: the user's booking of each event,
//!    and booking
//! 5. `query`, `toasts`, `scroll`, `last_list`, `booking_intent`, `wanted`, `redirect`: what else pages
//!    share
//! 6. `session`: who is signed in; `booking`: outcomes of a booking; `repetition`: repeating an
//!    operation whose answer is missing
//! 7. `api`: HTTP and the live socket
//! 8. `formats`, `dates` and `browser`: the browser's formats, clock, random numbers, focus and
//!    storage; `visibility`: whether the page is seen
//! 9. `backoff`, `event_changes`, `event_list`, `event_path`, `language`, `money`, `picture`,
//!    `program`, `qr`, `return_path`, `sale`, `searched`, `ticket_count`, `timestamp`, `user_agent`,
//!    `validation`: rules that need no browser; `preview`: what the server has written into the first page

#![expect(unreachable_pub, reason = "the component macro makes public what it generates")]

mod api;
mod app;
mod backoff;
mod booking;
mod booking_intent;
mod browser;
mod components;
mod dates;
mod edit_notices;
mod event_changes;
mod event_list;
mod event_path;
mod formats;
mod frame;
mod language;
mod last_list;
mod money;
mod my_bookings;
mod organize;
mod pages;
mod picture;
mod preview;
mod program;
mod qr;
mod query;
mod redirect;
mod repetition;
mod return_path;
mod sale;
mod scroll;
mod searched;
mod session;
mod ticket_count;
mod timestamp;
mod toasts;
mod user_agent;
mod validation;
mod visibility;
mod wanted;

use leptos::prelude::*;

use preview::Preview;

/// Starts the buyer's program in the page's body.
pub fn start_buyer() {
    start(app::App);
}

/// Starts the program for the user's bookings in the page's body.
pub fn start_bookings() {
    start(app::BookingsApp);
}

/// Starts the organizers' program in the page's body.
pub fn start_organizer() {
    start(organize::OrganizeApp);
}

fn start<V: IntoView + 'static>(app: impl FnOnce() -> V + 'static) {
    let preview = preview::static_page().as_ref().and_then(Preview::of_static_page);
    leptos::mount::mount_to_body(move || {
        Preview::provide(preview);
        app()
    });
}
