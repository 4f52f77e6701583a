//! What organizers see while their events sell.

use chrono::{Duration, Utc};
use serde_json::json;

use super::{
    super::{driver::Browser, edits::HOLD_LONG_TIMERS},
    Organizing,
};

/// Waits until this many elements match.
async fn expect_count(browser: &Browser, css: &str, count: u64) {
    let script = format!("return document.querySelectorAll({css:?}).length");
    browser.wait_for(&script, |found| found.as_u64() == Some(count)).await;
}

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

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_takes_away_neither_rows_nor_the_focus() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, host, home } = &organizing;
    let mut sold = String::new();
    for number in 1..=45 {
        sold = app
            .event_with(|event| {
                event.organizer_id = host.organizer;
                event.title = format!("Recital {number}");
                event.title_key = format!("recital {number}");
                event.city = "Berlin".to_owned();
            })
            .await;
    }
    browser.open(home).await;
    for rows in [20, 40] {
        expect_count(browser, ".my-event", rows).await;
        browser.click_label("Show more").await;
    }
    expect_count(browser, ".my-event", 45).await;
    browser.expect_text(".my-event", "Hall, Berlin").await;
    browser.expect_text(".live", "Live counts").await;
    let link = format!(".my-event h2 a[href$='{sold}']");
    browser.evaluate(&format!("document.querySelector({link:?}).focus()")).await;
    app.book(&app.user().await, &sold, 4).await;
    let row = format!(".my-event:has({link})");
    browser.expect_text(&row, "4 of 10 sold").await;
    browser.expect_text(&row, "€40.00 taken").await;
    expect_count(browser, ".my-event", 45).await;
    let focused = "return document.activeElement.href ?? null";
    let focused = browser.evaluate(focused).await.to_string();
    assert!(focused.contains(&sold), "{focused}");
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organizer_sees_when_the_sale_of_an_event_begins_and_ends() {
    let organizing = Organizing::start().await;
    let Organizing { browser, home, .. } = &organizing;
    let in_minutes = |minutes| (Utc::now() + Duration::minutes(minutes)).to_rfc3339();
    let window = json!({ "salesStartAt": in_minutes(15), "salesEndAt": in_minutes(30) });
    let event = organizing.event_with("Early Bird", window).await;
    let source = json!({ "source": HOLD_LONG_TIMERS });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
    for (address, badge) in
        [(home.clone(), ".my-event .badge"), (organizing.editor(&event), ".sales .badge")]
    {
        browser.open(&address).await;
        browser.expect_text(badge, "Not on sale yet").await;
        browser.evaluate("window.letTimePass()").await;
        browser.expect_text(badge, "On sale").await;
        browser.evaluate("window.letTimePass()").await;
        browser.expect_text(badge, "Sale ended").await;
    }
    organizing.browser.close().await;
}
