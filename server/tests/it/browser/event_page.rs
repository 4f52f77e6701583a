//! What the page of an event offers.

use serde_json::json;

use super::driver::{Browser, TAB, badge_script};
use crate::{
    app::App,
    database::Engine,
    demo::{JAZZ_NIGHT, LIMITED_CONCERT},
    managed_events::Host,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_page_shows_the_price_of_one_ticket_and_of_all() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(768, 900).await;
    browser.open(&format!("{}/events/{JAZZ_NIGHT}", app.url)).await;
    browser.expect_text(".one-price", "$35.00 each").await;
    browser.choose("#quantity", "3").await;
    browser.expect_text(".total", "$105.00").await;
    browser.expect_text(".one-price", "$35.00 each").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_says_the_number_while_it_is_typed() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/events/{JAZZ_NIGHT}", app.url)).await;
    browser.expect_text(".total", "$35.00").await;
    let select = "document.querySelector('#quantity').select()";
    browser.click("#quantity").await;
    browser.evaluate(select).await;
    browser.press("3").await;
    browser.expect_text(".buy > .book", "Book 3 tickets").await;
    browser.expect_text(".total", "$105.00").await;
    // More than a booking can have counts when the field is left, as the most that it can have.
    browser.evaluate(select).await;
    browser.press("25").await;
    browser.press(TAB).await;
    browser.expect_text(".buy > .book", "Book 10 tickets").await;
    let shown = "return document.querySelector('#quantity').value";
    browser.wait_for(shown, |shown| *shown == "10").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn similar_events_are_near_in_time_and_live() {
    let app = App::start(Engine::Sqlite).await;
    let host = Host::found(&app).await;
    let mut ids = Vec::new();
    for day in 1..=6 {
        let starts_at = (chrono::Utc::now() + chrono::Duration::days(day * 7)).to_rfc3339();
        let values = json!({ "title": format!("Concert {day}"), "startsAt": starts_at });
        ids.push(host.event(&app, values).await);
    }
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/events/{}", app.url, ids[3])).await;
    let titles = "return [...document.querySelectorAll('.similar h2 a')].map(a => a.innerText)";
    let near = json!(["Concert 3", "Concert 5", "Concert 6"]);
    browser.wait_for(titles, |titles| titles.as_array().is_some_and(|t| t.len() == 3)).await;
    let found = browser.evaluate(titles).await;
    assert!(found == near || found == json!(["Concert 2", "Concert 3", "Concert 5"]), "{found}");
    browser.expect_text(".live", "Live counts").await;

    // They stay live after the page was read again.
    let reads = "return performance.getEntriesByName(location.origin + '/graphql').length";
    let before = browser.evaluate(reads).await;
    browser.set_visible(false).await;
    browser.set_visible(true).await;
    browser.wait_for(reads, |reads| reads.as_i64() >= before.as_i64().map(|n| n + 2)).await;
    let third = badge_script("Concert 3");
    let left = browser.evaluate(&third).await;
    app.book(&app.user().await, &ids[2], 1).await;
    browser.wait_for(&third, |words| *words != left).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_booked_offers_no_number_of_tickets() {
    let app = App::start(Engine::Sqlite).await;
    let started = app
        .event_with(|event| event.starts_at = chrono::Utc::now() - chrono::Duration::minutes(5))
        .await;
    app.book(&app.user().await, LIMITED_CONCERT, 1).await;
    let browser = Browser::start(768, 900).await;
    browser.open(&format!("{}/events/{started}", app.url)).await;
    browser.expect_text(".book", "Closed").await;
    browser.expect_none("#quantity, .total").await;

    browser.open(&format!("{}/events/{LIMITED_CONCERT}", app.url)).await;
    browser.expect_text(".book", "Book").await;
    browser.expect_text(".total", "€49.90").await;
    browser.expect_text(".live", "Live counts").await;
    let buyer = app.user().await;
    let booked = app.book(&buyer, LIMITED_CONCERT, 1).await;
    browser.expect_text(".book", "Sold out").await;
    browser.expect_none("#quantity, .total").await;
    app.cancel(&buyer, booked["booking"]["id"].as_str().unwrap()).await;
    browser.expect_text(".total", "€49.90").await;
    let quantities = "return document.querySelector('#quantity')?.max";
    browser.wait_for(quantities, |offered| *offered == "1").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chosen_number_of_tickets_is_in_the_address() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(768, 900).await;
    browser.open(&format!("{}/events/{JAZZ_NIGHT}", app.url)).await;
    browser.expect_text(".total", "$35.00").await;
    browser.choose("#quantity", "3").await;
    browser.expect_path(&format!("/events/{JAZZ_NIGHT}?quantity=3")).await;
    browser.page.refresh().await.unwrap();
    browser.expect_text(".total", "$105.00").await;
    // It adds nothing to the history.
    browser.choose("#quantity", "1").await;
    browser.expect_path(&format!("/events/{JAZZ_NIGHT}")).await;
    assert_eq!(browser.evaluate("return history.length").await, 2);
    browser.close().await;
}
