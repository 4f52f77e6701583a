//! Who has booked: search, cancelling a booking, and the download.

use serde_json::{Value, json};

use super::Organizing;

/// A script that keeps the text of the file that the page lets the browser save, and its name.
const KEEP_DOWNLOADS: &str = "window.downloads = [];
    const create = URL.createObjectURL;
    URL.createObjectURL = file => {
        file.text().then(text => window.downloads.push(text));
        return create(file);
    };
    HTMLAnchorElement.prototype.click = function () { window.downloads.push(this.download); };";

#[tokio::test(flavor = "multi_thread")]
async fn attendees_are_searched_and_the_address_keeps_the_search() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    let (buyer, other) = (app.user().await, app.user().await);
    let booked = app.book(&buyer, &event, 2).await;
    app.book(&other, &event, 1).await;
    let reference = reference_of(&organizing, &buyer, &booked).await;
    browser.open(&format!("{}/attendees", organizing.editor(&event))).await;
    browser.expect_text(".found", "2 bookings").await;
    browser.expect_text(".counts", "Tickets sold 3").await;
    browser.fill("search", &reference.replace('-', "").to_lowercase()).await;
    browser.expect_text(".found", "1 booking").await;
    browser.expect_text(".attendee", &reference).await;
    let address = "return location.search";
    browser.wait_for(address, |query| query.as_str().unwrap().starts_with("?search=")).await;
    browser.page.refresh().await.unwrap();
    browser.expect_text(".attendee", &reference).await;
    browser.fill("search", "nobody at all").await;
    browser.expect_text(".notice", "No booking matches.").await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_is_cancelled_for_a_buyer_with_a_reason() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    let buyer = app.user().await;
    app.book(&buyer, &event, 2).await;
    browser.open(&format!("{}/attendees", organizing.editor(&event))).await;
    browser.click_label("Cancel booking").await;
    browser.expect_text("dialog[open]", "The 2 tickets go back on sale at once").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_text("#reason-problem", "Please enter a reason.").await;
    browser.press("You asked for it.").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_text(".attendee", "Cancelled by organizer").await;
    browser.expect_text(".attendee", "You asked for it.").await;
    browser.expect_text(".counts", "Cancelled bookings 1").await;
    assert_eq!(app.remaining_tickets(&event).await, 10);
    browser.choose("#status", "confirmed").await;
    browser.expect_text(".notice", "No booking matches.").await;
    browser.expect_path(&format!("/organize/events/{event}/attendees?status=confirmed")).await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_downloaded_as_a_file() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    // It starts on the day before by the clocks of its zone.
    let starts_at = json!({ "startsAt": "2035-07-02T01:00:00Z", "timeZone": "America/New_York" });
    let event = organizing.event_with("Jazz Night", starts_at).await;
    let buyer = app.user().await;
    let booked = app.book(&buyer, &event, 2).await;
    let reference = reference_of(&organizing, &buyer, &booked).await;
    browser.open(&format!("{}/attendees", organizing.editor(&event))).await;
    browser.expect_text(".found", "1 booking").await;
    browser.evaluate(KEEP_DOWNLOADS).await;
    browser.click_label("Download CSV").await;
    let both = |downloads: &Value| downloads.as_array().is_some_and(|found| found.len() == 2);
    let downloads = browser.wait_for("return window.downloads", both).await.to_string();
    assert!(downloads.contains(&reference), "{downloads}");
    assert!(downloads.contains("attendees-jazz-night-2035-07-01.csv"), "{downloads}");
    browser.expect_text(".toast", "The download has begun.").await;
    organizing.browser.close().await;
}

/// The reference of a booking, as its buyer reads it.
async fn reference_of(organizing: &Organizing, buyer: &str, booked: &Value) -> String {
    let id = &booked["booking"]["id"];
    let query = "query($id: ID!) { node(id: $id) { ... on Booking { reference } } }";
    let found = organizing.app.data(Some(buyer), query, json!({ "id": id })).await;
    found["node"]["reference"].as_str().unwrap().to_owned()
}
