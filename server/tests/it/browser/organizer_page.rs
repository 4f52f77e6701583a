//! The page of an organizer.

use serde_json::json;

use super::driver::Browser;
use crate::{app::App, database::Engine, managed_events::Host};

#[tokio::test(flavor = "multi_thread")]
async fn an_organizer_has_a_page_with_their_coming_events() {
    let app = App::start(Engine::Sqlite).await;
    let host = Host::found(&app).await;
    let mut last = String::new();
    for number in 1..=13 {
        last = host.event(&app, json!({ "title": format!("Recital {number}") })).await;
    }
    host.draft(&app, json!({ "title": "Secret Recital" })).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/events/{last}", app.url)).await;
    browser.expect_text(".row", "Hosted by Host").await;
    let direction = "return document.querySelector('.row a[href^=\"/organizers\"]')?.dir ?? null";
    browser.wait_for(direction, |direction| *direction == "auto").await;
    browser.click_label("Host").await;
    browser.expect_text("h1", "Host").await;
    browser.expect_text(".found", "13 events, page 1 of 2").await;
    browser.wait_for("return document.title", |title| *title == "Host · Rowlock").await;
    let cards = "return document.querySelectorAll('.card h2').length";
    browser.wait_for(cards, |count| *count == 12).await;
    browser.expect_none("#search, #order").await;
    browser.click("[aria-label='Page 2']").await;
    browser.expect_text(".found", "13 events, page 2 of 2").await;
    browser.wait_for(cards, |count| *count == 1).await;
    browser.screenshot("organizer").await;
    let path = browser.evaluate("return location.pathname + location.search").await;
    assert_eq!(path, format!("/organizers/host-{}?page=2", host.organizer.0.simple()));

    browser.open(&format!("{}/organizers/nobody", app.url)).await;
    browser.expect_text(".notice", "There is no such organizer.").await;
    browser.expect_text("h1", "Not found").await;
    browser.close().await;
}
