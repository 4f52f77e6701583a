//! What narrows the list of events down, and the marks of what was searched.

use serde_json::json;

use super::driver::Browser;
use crate::{
    app::App,
    database::Engine,
    demo::{JAZZ_NIGHT, LIMITED_CONCERT},
};

const ACTIVE: &str = "return [...document.querySelectorAll('.chip[aria-current]')]
    .map(chip => chip.innerText)";

#[tokio::test(flavor = "multi_thread")]
async fn filters_are_links_that_can_be_combined_and_taken_away() {
    let app = App::start(Engine::Sqlite).await;
    app.event_with(|event| {
        event.title = "Open Rehearsal".to_owned();
        event.title_key = "open rehearsal".to_owned();
        event.city = "Graz".to_owned();
        event.price_minor = 0;
    })
    .await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&app.url).await;
    browser.expect_text(".found", "13 events").await;
    assert_eq!(browser.evaluate(ACTIVE).await, json!([]));
    browser.click_label("Free").await;
    browser.expect_text(".event-card h2", "Open Rehearsal").await;
    browser.wait_for(ACTIVE, |active| *active == json!(["Free"])).await;
    browser.expect_text(".event-card .price", "Free").await;
    browser.click_label("Berlin").await;
    browser.expect_text(".notice", "No events match these filters.").await;
    browser.wait_for(ACTIVE, |active| *active == json!(["Free", "Berlin"])).await;

    // A shared link shows the same list.
    browser.page.refresh().await.unwrap();
    browser.wait_for(ACTIVE, |active| *active == json!(["Free", "Berlin"])).await;
    browser.click_label("Free").await;
    browser.expect_text(".event-card .fact", "Kino International, Berlin").await;
    browser.expect_none(".notice").await;
    browser.page.back().await.unwrap();
    browser.expect_text(".notice", "No events match these filters.").await;
    browser.click_label("Remove all filters").await;
    browser.expect_text(".found", "13 events").await;
    browser.expect_path("/events").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_available_leaves_out_what_is_sold_out() {
    let app = App::start(Engine::Sqlite).await;
    app.book(&app.user().await, LIMITED_CONCERT, 2).await;
    let browser = Browser::start(375, 812).await;
    browser.open(&app.url).await;
    browser.expect_text(".event-card h2", "Limited Concert").await;
    browser.click_label("Still available").await;
    browser.expect_path("/events?available=yes").await;
    browser.expect_text(".found", "11 events").await;
    let titles = "return document.querySelector('.cards').innerText";
    let titles = browser.evaluate(titles).await;
    assert!(!titles.as_str().unwrap().contains("Limited Concert"), "{titles}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_a_search_are_marked() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/events?search=NIGHT+blue", app.url)).await;
    let marked = "return [...document.querySelectorAll('.event-card mark')].map(e => e.innerText)";
    browser.wait_for(marked, |marked| *marked == json!(["Night", "Blue"])).await;
    // The page of the event has no marks.
    browser.click_label("Jazz Night").await;
    browser.expect_path(&format!("/events/{JAZZ_NIGHT}")).await;
    browser.expect_text("h1", "Jazz Night").await;
    browser.expect_none("mark").await;

    browser.open(&format!("{}/events?search=zzzz", app.url)).await;
    browser.expect_text(".notice", "No events match “zzzz”.").await;
    browser.expect_text(".notice", "Check the spelling, or try fewer words").await;
    browser.close().await;
}
