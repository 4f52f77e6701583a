//! Rowlock's web client: starts the application in the page's body.

#![expect(unreachable_pub, reason = "the component macro makes public what it generates")]

mod api;
mod app;
mod backoff;
mod booking;
mod browser;
mod components;
mod event_list;
mod last_list;
mod money;
mod my_bookings;
mod pages;
mod query;
mod redirect;
mod return_path;
mod scroll;
mod session;
mod ticket_count;
mod timestamp;
mod toasts;
mod validation;

fn main() {
    // What the page showed while this was loading.
    if let Some(shell) = leptos::prelude::document().get_element_by_id("shell") {
        shell.remove();
    }
    leptos::mount::mount_to_body(app::App);
}
