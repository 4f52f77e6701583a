//! Rowlock's web client. `main` mounts the application in the page's body.
//!
//! Modules import only from the layers below them:
//!
//! 1. `app`: the frame around every page
//! 2. `pages`: one module for each page
//! 3. `components`: what pages are built from
//! 4. `my_bookings`: the user's booking of each event, and booking
//! 5. `query`, `toasts`, `scroll`, `last_list`, `redirect`: what else pages share
//! 6. `session`: who is signed in; `booking`: outcomes of a booking; `repetition`: repeating an
//!    operation whose answer is missing
//! 7. `api`: HTTP and the live socket
//! 8. `browser`: the browser's clock, formats, random numbers, focus and storage; `visibility`:
//!    whether the page is seen
//! 9. `backoff`, `event_list`, `event_path`, `language`, `money`, `return_path`, `ticket_count`,
//!    `timestamp`, `validation`: rules that need no browser

#![expect(unreachable_pub, reason = "the component macro makes public what it generates")]

mod api;
mod app;
mod backoff;
mod booking;
mod browser;
mod components;
mod event_list;
mod event_path;
mod language;
mod last_list;
mod money;
mod my_bookings;
mod pages;
mod query;
mod redirect;
mod repetition;
mod return_path;
mod scroll;
mod session;
mod ticket_count;
mod timestamp;
mod toasts;
mod validation;
mod visibility;

fn main() {
    // The static page that was visible while the program loaded.
    if let Some(shell) = leptos::prelude::document().get_element_by_id("shell") {
        shell.remove();
    }
    leptos::mount::mount_to_body(app::App);
}
