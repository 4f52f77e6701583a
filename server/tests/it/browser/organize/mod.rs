//! The pages of organizers.

mod attendees;
mod cover;
mod door;
mod event_form;
mod leaving;
mod live_sales;
mod members;
mod pages;
mod sale;

use rowlock_entities::organizer_member::Role;
use serde_json::{Value, json};

use super::driver::Browser;
use crate::{
    app::App,
    database::Engine,
    demo::LOG_IN_AS_ADA,
    managed_events::{Host, merged},
};

/// An organizer of which the demo user Ada is an owner, and a browser in which she is signed in.
struct Organizing {
    app: App,
    browser: Browser,
    host: Host,
    /// The address of the organizer's pages.
    home: String,
}

impl Organizing {
    async fn start() -> Self {
        let app = App::start(Engine::Sqlite).await;
        let host = Host::found(&app).await;
        let login = app.data(None, LOG_IN_AS_ADA, json!({})).await;
        host.add(&app, login["login"]["accessToken"].as_str().unwrap(), Role::Owner).await;
        let home = format!("{}/organize/host-{}", app.url, host.organizer.0.simple());
        let browser = Browser::start(1280, 900).await;
        browser.sign_in(&app.url, "Ada").await;
        Self { app, browser, host, home }
    }

    /// Publishes an event with a title, for 12.50 EUR, of which 10 tickets can be sold.
    async fn event(&self, title: &str) -> String {
        self.event_with(title, json!({})).await
    }

    async fn event_with(&self, title: &str, values: Value) -> String {
        let usual = json!({ "title": title, "price": { "amount": "12.50", "currency": "EUR" } });
        self.host.event(&self.app, merged(usual, values)).await
    }

    /// The address of the page on which an event is edited.
    fn editor(&self, event: &str) -> String {
        format!("{}/organize/events/{event}", self.app.url)
    }

    /// Opens the form of an event and waits until it shows.
    async fn open_editor(&self, event: &str) {
        self.browser.open(&self.editor(event)).await;
        self.browser.wait_for(&value_script("title"), |title| title.is_string()).await;
    }
}

/// A script that returns the text in a field of a form; null if there is no such field.
fn value_script(field: &str) -> String {
    format!("return document.getElementById('field-{field}')?.value ?? null")
}

/// Enters a date and a time, as the browser's own picker does.
async fn enter_time(browser: &Browser, field: &str, time: &str) {
    let enter = format!(
        "const input = document.getElementById('field-{field}'); input.focus();
         input.value = '{time}'; input.dispatchEvent(new Event('input', {{ bubbles: true }}));
         input.blur()"
    );
    browser.evaluate(&enter).await;
}
