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
    let link = format!("h2 a[href$='{sold}']");
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
    let window = json!({ "salesStartAt": in_minutes(15), "salesEndAt": in_minutes(35) });
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

#[tokio::test(flavor = "multi_thread")]
async fn attendees_show_bookings_as_they_are_made() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    app.book(&app.user().await, &event, 2).await;
    browser.open(&format!("{}/attendees", organizing.editor(&event))).await;
    browser.expect_text(".found", "1 booking").await;
    browser.expect_text(".live", "Live counts").await;
    app.book(&app.user().await, &event, 3).await;
    browser.expect_text(".found", "2 bookings").await;
    browser.expect_text(".counts", "Tickets sold 5").await;
    expect_count(browser, ".attendee", 2).await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_of_attendees_stays_as_long_as_it_is() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    let event = organizing.event_with("Jazz Night", json!({ "totalTickets": 100 })).await;
    for _ in 0..25 {
        app.book(&app.user().await, &event, 1).await;
    }
    browser.open(&format!("{}/attendees", organizing.editor(&event))).await;
    expect_count(browser, ".attendee", 20).await;
    browser.click_label("Show more").await;
    expect_count(browser, ".attendee", 25).await;
    browser.expect_text(".live", "Live counts").await;
    app.book(&app.user().await, &event, 1).await;
    browser.expect_text(".counts", "Tickets sold 26").await;
    expect_count(browser, ".attendee", 25).await;

    browser.click(".attendee:last-child button").await;
    browser.expect_text("dialog[open]", "goes back on sale at once").await;
    browser.fill("reason", "You asked for it.").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_text(".counts", "Cancelled bookings 1").await;
    browser.expect_text(".attendee:last-child", "Cancelled by organizer").await;
    expect_count(browser, ".attendee", 25).await;
    organizing.browser.close().await;
}
