//! What the page of an event offers.

use super::driver::Browser;
use crate::{
    app::App,
    database::Engine,
    demo::{JAZZ_NIGHT, LIMITED_CONCERT},
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
