//! What organizers see while their events sell.

use serde_json::json;

use super::Organizing;

#[tokio::test(flavor = "multi_thread")]
async fn my_events_show_what_is_sold_and_taken_as_it_happens() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, host, home } = &organizing;
    let event = organizing.event("Jazz Night").await;
    host.draft(app, json!({ "title": "Next year" })).await;
    browser.open(home).await;
    browser.expect_text(".live", "Live counts").await;
    browser.expect_text(".my-event", "0 of 10 sold").await;
    browser.expect_text(".my-event", "Draft").await;
    app.book(&app.user().await, &event, 4).await;
    browser.expect_text(".my-event", "4 of 10 sold").await;
    browser.expect_text(".my-event", "€50.00 taken").await;
    app.book(&app.user().await, &event, 6).await;
    browser.expect_text(".my-event", "Sold out").await;
    organizing.browser.close().await;
}
