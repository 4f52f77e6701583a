//! Counts that change while a page is open.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::driver::{Browser, badge};
use crate::{
    app::App,
    database::Engine,
    demo::{JAZZ_NIGHT, LIMITED_CONCERT},
    proxy::Proxy,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_event_list_shows_a_count_fall_when_another_client_books() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.go(&app.url).await;
    let badge = badge("Limited Concert");
    browser.wait_for(&badge, |words| *words == "2 tickets left").await;
    browser.see(".live", "Live counts").await;

    let users = app.users(2).await;
    let first = app.book(&users[0], LIMITED_CONCERT, 1).await;
    browser.wait_for(&badge, |words| *words == "1 ticket left").await;
    app.book(&users[1], LIMITED_CONCERT, 1).await;
    let booked = Instant::now();
    browser.wait_for(&badge, |words| *words == "Sold Out").await;
    assert!(booked.elapsed() < Duration::from_secs(1), "{:?}", booked.elapsed());
    let button = "return document.querySelector('[aria-label$=\"Limited Concert\"]').innerText";
    browser.wait_for(button, |words| *words == "Sold out").await;
    app.cancel(&users[0], first["booking"]["id"].as_str().unwrap()).await;
    browser.wait_for(&badge, |words| *words == "1 ticket left").await;
    browser.wait_for(button, |words| *words == "Book").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_sells_out_while_it_is_looked_at_says_so() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(768, 900).await;
    browser.go(&format!("{}/events/{LIMITED_CONCERT}", app.url)).await;
    browser.see("h1", "Limited Concert").await;
    browser.see(".badge", "2 tickets left").await;
    browser.see(".live", "Live counts").await;
    app.book(&app.user().await, LIMITED_CONCERT, 2).await;
    browser.see(".badge", "Sold Out").await;
    browser.see(".book", "Sold out").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_network_was_cut_says_so_and_shows_the_truth_when_it_is_back() {
    let app = App::start(Engine::Sqlite).await;
    let proxy = Proxy::to(app.address()).await;
    let browser = Browser::start(1280, 900).await;
    browser.go(&format!("{}/events", proxy.url())).await;
    browser.see(".live", "Live counts").await;
    browser.ask("window.unreloaded = true").await;

    proxy.set_open(false);
    browser.see(".live", "Reconnecting; counts may be out of date").await;
    app.book(&app.user().await, LIMITED_CONCERT, 1).await;
    app.sql("UPDATE events SET title = 'Small Concert' WHERE title = 'Limited Concert'").await;
    assert_eq!(browser.ask(&badge("Limited Concert")).await, "2 tickets left");

    proxy.set_open(true);
    browser.see(".live", "Live counts").await;
    // Not the count alone, which the socket tells: all of the page is read again.
    browser.wait_for(&badge("Small Concert"), |words| *words == "1 ticket left").await;
    assert_eq!(browser.ask("return window.unreloaded").await, true);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_to_the_page_before_does_not_freeze_the_counts_of_this_one() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.go(&app.url).await;
    browser.see(".found", "12 events").await;
    browser.slow_down("\"film\"", 1_500).await;
    browser.fill("search", "film").await;
    browser.see_path("/events?search=film").await;
    browser.click_on("Jazz Night").await;
    browser.see(".badge", "80 tickets left").await;
    browser.see(".live", "Live counts").await;
    browser.see_late(1).await;
    app.book(&app.user().await, JAZZ_NIGHT, 5).await;
    browser.see(".badge", "75 tickets left").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_keeps_one_socket_whatever_it_shows() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let count = "const opened = window.WebSocket; window.sockets = [];
        window.WebSocket = function(...args) {
            const socket = new opened(...args); window.sockets.push(socket); return socket; };
        window.WebSocket.prototype = opened.prototype; Object.assign(window.WebSocket, opened);";
    let parameters = json!({ "source": count });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", parameters).await;
    browser.go(&app.url).await;
    browser.see(".live", "Live counts").await;
    browser.click_on("Limited Concert").await;
    browser.see_path(&format!("/events/{LIMITED_CONCERT}")).await;
    browser.see(".badge", "2 tickets left").await;
    app.book(&app.user().await, LIMITED_CONCERT, 1).await;
    browser.see(".badge", "1 ticket left").await;
    browser.click_on("My bookings").await;
    browser.see_path("/sign-in?next=%2Fbookings").await;
    browser.click_on("Events").await;
    let badge = badge("Limited Concert");
    browser.wait_for(&badge, |words| *words == "1 ticket left").await;
    app.book(&app.user().await, LIMITED_CONCERT, 1).await;
    browser.wait_for(&badge, |words| *words == "Sold Out").await;
    assert_eq!(browser.ask("return window.sockets.length").await, 1);
    browser.close().await;
}
