//! Rowlock's web client: starts the application in the page's body.

#![expect(unreachable_pub, reason = "the component macro makes public what it generates")]

mod api;
mod components;
mod pages;
mod tickets;

use leptos::prelude::*;
use pages::events::EventsPage;

fn main() {
    mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    view! {
        <header class="site-header">
            <a class="logo" href="/">
                <span class="logo-mark" aria-hidden="true"></span>
                "Rowlock"
            </a>
            <nav>
                <a href="/playground">"API playground"</a>
            </nav>
        </header>
        <main>
            <EventsPage />
        </main>
    }
}
