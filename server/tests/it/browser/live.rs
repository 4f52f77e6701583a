//! Counts that change while a page is open.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::driver::{Browser, badge_script};
use crate::{
    app::App,
    database::Engine,
    demo::{JAZZ_NIGHT, LIMITED_CONCERT},
    proxy::Proxy,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_event_list_shows_new_counts_when_another_client_books() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&app.url).await;
    let badge = badge_script("Limited Concert");
    browser.wait_for(&badge, |words| *words == "2 tickets left").await;
    browser.expect_text(".live", "Live counts").await;

    let users = app.users(2).await;
    let first = app.book(&users[0], LIMITED_CONCERT, 1).await;
    browser.wait_for(&badge, |words| *words == "1 ticket left").await;
    app.book(&users[1], LIMITED_CONCERT, 1).await;
    let booked = Instant::now();
    browser.wait_for(&badge, |words| *words == "Sold out").await;
    assert!(booked.elapsed() < Duration::from_secs(1), "{:?}", booked.elapsed());
    let button = "return document.querySelector('[aria-label$=\"Limited Concert\"]').innerText";
    browser.wait_for(button, |words| *words == "Sold out").await;
    app.cancel(&users[0], first["booking"]["id"].as_str().unwrap()).await;
    browser.wait_for(&badge, |words| *words == "1 ticket left").await;
    browser.wait_for(button, |words| *words == "Book now").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_event_page_shows_that_the_event_sold_out() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(768, 900).await;
    browser.open(&format!("{}/events/{LIMITED_CONCERT}", app.url)).await;
    browser.expect_text("h1", "Limited Concert").await;
    browser.expect_text(".badge", "2 tickets left").await;
    browser.expect_text(".live", "Live counts").await;
    app.book(&app.user().await, LIMITED_CONCERT, 2).await;
    browser.expect_text(".badge", "Sold out").await;
    browser.expect_text(".book", "Sold out").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_that_it_is_reconnecting_and_then_reads_everything_again() {
    let app = App::start(Engine::Sqlite).await;
    let proxy = Proxy::to(app.address()).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/events", proxy.url())).await;
    browser.expect_text(".live", "Live counts").await;
    browser.evaluate("window.unreloaded = true").await;

    proxy.set_open(false);
    browser.expect_text(".live", "Reconnecting; counts may be out of date").await;
    app.book(&app.user().await, LIMITED_CONCERT, 1).await;
    app.execute_sql("UPDATE events SET title = 'Small Concert' WHERE title = 'Limited Concert'")
        .await;
    assert_eq!(browser.evaluate(&badge_script("Limited Concert")).await, "2 tickets left");

    proxy.set_open(true);
    browser.expect_text(".live", "Live counts").await;
    // The whole page is read again: the socket sends counts, but not what another program edited.
    browser.wait_for(&badge_script("Small Concert"), |words| *words == "1 ticket left").await;
    assert_eq!(browser.evaluate("return window.unreloaded").await, true);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_on_a_socket_that_does_not_break_lets_the_page_read_nothing_again() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.let_tests_hold_socket_messages().await;
    browser.open(&format!("{}/events", app.url)).await;
    browser.expect_text(".live", "Live counts").await;
    let count_requests = "const send = window.fetch; window.requests = 0;
        window.fetch = (...request) => { window.requests += 1; return send(...request); }";
    browser.evaluate(count_requests).await;
    browser.hold_socket_messages().await;
    app.book(&app.user().await, LIMITED_CONCERT, 1).await;
    browser.expect_text(".live", "Reconnecting; counts may be out of date").await;
    browser.release_socket_messages().await;
    browser.expect_text(".live", "Live counts").await;
    browser.wait_for(&badge_script("Limited Concert"), |words| *words == "1 ticket left").await;
    assert_eq!(browser.evaluate("return window.requests").await, 0);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_for_the_previous_page_does_not_stop_live_counts() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&app.url).await;
    browser.expect_text(".found", "12 events").await;
    browser.delay_answers("\"film\"", 1_500).await;
    browser.fill("search", "film").await;
    browser.expect_path("/events?search=film").await;
    browser.click_label("Jazz Night").await;
    browser.expect_text(".badge", "80 tickets left").await;
    browser.expect_text(".live", "Live counts").await;
    browser.wait_for_delayed_answers(1).await;
    app.book(&app.user().await, JAZZ_NIGHT, 5).await;
    browser.expect_text(".badge", "75 tickets left").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn navigating_between_pages_keeps_one_socket() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let count = "const opened = window.WebSocket; window.sockets = [];
        window.WebSocket = function(...args) {
            const socket = new opened(...args); window.sockets.push(socket); return socket; };
        window.WebSocket.prototype = opened.prototype; Object.assign(window.WebSocket, opened);";
    let parameters = json!({ "source": count });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", parameters).await;
    browser.open(&app.url).await;
    browser.expect_text(".live", "Live counts").await;
    browser.click_label("Limited Concert").await;
    browser.expect_path(&format!("/events/{LIMITED_CONCERT}")).await;
    browser.expect_text(".badge", "2 tickets left").await;
    app.book(&app.user().await, LIMITED_CONCERT, 1).await;
    browser.expect_text(".badge", "1 ticket left").await;
    browser.click_label("My bookings").await;
    browser.expect_path("/sign-in?next=%2Fbookings").await;
    browser.click_label("Events").await;
    let badge = badge_script("Limited Concert");
    browser.wait_for(&badge, |words| *words == "1 ticket left").await;
    app.book(&app.user().await, LIMITED_CONCERT, 1).await;
    browser.wait_for(&badge, |words| *words == "Sold out").await;
    assert_eq!(browser.evaluate("return window.sockets.length").await, 1);
    browser.close().await;
}
