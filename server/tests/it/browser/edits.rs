//! What organizers change about events while buyers look at them.

use chrono::{Duration, Utc};
use serde_json::json;

use super::{
    booking::{count_bookings, token_of_ada},
    driver::Browser,
};
use crate::{
    app::App,
    database::Engine,
    managed_events::{Host, cancel_event},
};

const REASON: &str = "The pianist is ill.";

/// An event of an organizer who edits it.
async fn chamber_concert(app: &App) -> (Host, String) {
    let host = Host::found(app).await;
    let event = host.event(app, json!({ "title": "Chamber Concert" })).await;
    (host, event)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_the_events_page_and_the_bookings_show_an_edit_at_once() {
    let app = App::start(Engine::Sqlite).await;
    let (host, event) = chamber_concert(&app).await;
    app.book(&token_of_ada(&app).await, &event, 2).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&format!("{}/events?search=chamber", app.url)).await;
    browser.evaluate("window.unreloaded = true").await;
    browser.expect_text(".live", "Live counts").await;
    host.edit(&app, &event, json!({ "venue": "Red Door" })).await;
    browser.expect_text(".toast", "Chamber Concert: The venue is now Red Door, New York.").await;
    browser.expect_text(".card .fact", "Red Door, New York").await;
    browser.screenshot("edited-list").await;

    browser.click_label("Chamber Concert").await;
    browser.expect_text("h1", "Chamber Concert").await;
    // The message belonged to the list.
    browser.expect_none(".toast").await;
    let text = json!({ "title": "String Quartet", "description": "Four strings." });
    host.edit(&app, &event, text).await;
    browser.expect_text("h1", "String Quartet").await;
    browser.expect_text(".description", "Four strings.").await;
    browser
        .expect_text(
            ".toast",
            "Chamber Concert: The title is now “String Quartet”. The description was changed.",
        )
        .await;
    browser.wait_for("return document.title", |title| *title == "String Quartet · Rowlock").await;
    assert_eq!(browser.evaluate("return window.unreloaded").await, true);

    browser.click_label("My bookings").await;
    browser.expect_text(".booking h3", "String Quartet").await;
    let later = Utc::now() + Duration::days(9);
    // What a booking would cost now is nothing to those who have booked.
    let price = json!({ "amount": "60.00", "currency": "USD" });
    host.edit(&app, &event, json!({ "startsAt": later.to_rfc3339(), "price": price })).await;
    browser.expect_text(".toast", "String Quartet: The start was moved to").await;
    let day = later.format("%Y-%m-%dT%H").to_string();
    browser
        .wait_for("return document.querySelector('.booking time').dateTime", |time| {
            time.as_str().is_some_and(|time| time.starts_with(&day))
        })
        .await;
    let told = browser.evaluate("return document.querySelector('.toast').innerText").await;
    assert!(!told.as_str().unwrap().contains("price"), "{told}");
    browser.expect_text(".booking-facts", "2 × $35.00 = $70.00").await;
    browser.screenshot("edited-booking").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_leaves_the_chosen_number_of_tickets_and_the_focus_alone() {
    let app = App::start(Engine::Sqlite).await;
    let (host, event) = chamber_concert(&app).await;
    let browser = Browser::start(768, 900).await;
    browser.open(&format!("{}/events/{event}", app.url)).await;
    browser.expect_text(".total", "$35.00").await;
    browser.choose("#quantity", "3").await;
    browser.expect_text(".total", "$105.00").await;
    browser.evaluate("document.querySelector('#quantity').focus()").await;
    let price = json!({ "amount": "60.00", "currency": "USD" });
    host.edit(&app, &event, json!({ "price": price, "totalTickets": 50 })).await;
    let told = "Chamber Concert: The price is now $60.00. There are now 50 tickets in all.";
    browser.expect_text(".toast", told).await;
    browser.expect_text(".one-price", "$60.00 each").await;
    browser.expect_text(".total", "$180.00").await;
    browser.expect_text(".of-all", "of 50").await;
    let focus = "const select = document.querySelector('#quantity');
        return [select.value, document.activeElement === select]";
    assert_eq!(browser.evaluate(focus).await, json!(["3", true]));

    host.edit(&app, &event, json!({ "maxPerBooking": 2 })).await;
    browser.expect_text(".toast", "You can now book up to 2 tickets.").await;
    let quantities = "return document.querySelector('#quantity')?.max";
    browser.wait_for(quantities, |offered| *offered == "2").await;
    browser.expect_text(".total", "$120.00").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_changes_before_the_click_is_shown_and_not_booked() {
    let app = App::start(Engine::Sqlite).await;
    let (host, event) = chamber_concert(&app).await;
    let browser = Browser::start(768, 900).await;
    browser.let_tests_hold_socket_messages().await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&format!("{}/events/{event}?quantity=2", app.url)).await;
    browser.expect_text(".who", "Ada").await;
    browser.expect_text(".total", "$70.00").await;
    browser.expect_text(".live", "Live counts").await;
    browser.hold_socket_messages().await;
    let price = json!({ "amount": "60.00", "currency": "USD" });
    host.edit(&app, &event, json!({ "price": price, "venue": "Red Door" })).await;
    browser.click_book().await;
    browser
        .expect_text(
            ".toast",
            "Chamber Concert: The venue is now Red Door, New York. The price is now $60.00. \
             Nothing was booked.",
        )
        .await;
    browser.expect_text(".total", "$120.00").await;
    browser.expect_text(".row", "Red Door, New York").await;
    assert_eq!(count_bookings(&app).await, 0);
    browser.screenshot("price-changed").await;
    browser.release_socket_messages().await;

    browser.evaluate(LET_A_SECOND_PASS).await;
    browser.click_book().await;
    browser.expect_text(".toast", "Successfully booked Chamber Concert!").await;
    browser.click_label("My bookings").await;
    browser.expect_text(".booking-facts", "2 × $60.00 = $120.00").await;
    let bookings = "{ me { bookings { nodes { reference } } } }";
    let bookings = app.data(Some(&token_of_ada(&app).await), bookings, json!({})).await;
    let reference = bookings["me"]["bookings"]["nodes"][0]["reference"].as_str().unwrap();
    browser.expect_text(".reference", &format!("Reference {reference}")).await;
    browser.close().await;
}

/// Clicks "Book" as soon as a new price shows.
const CLICK_WITH_THE_CHANGE: &str = "
    const price = document.querySelector('.one-price');
    new MutationObserver(() => document.querySelector('.book').click())
        .observe(price, { childList: true, characterData: true, subtree: true })";

/// Makes a second pass by the browser's clock.
pub(super) const LET_A_SECOND_PASS: &str = "const now = Date.now; Date.now = () => now() + 1_000";

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_nobody_can_have_read_is_not_booked() {
    let app = App::start(Engine::Sqlite).await;
    let (host, event) = chamber_concert(&app).await;
    let browser = Browser::start(768, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&format!("{}/events/{event}", app.url)).await;
    browser.expect_text(".who", "Ada").await;
    browser.expect_text(".live", "Live counts").await;
    browser.expect_text(".one-price", "$35.00 each").await;
    browser.evaluate(CLICK_WITH_THE_CHANGE).await;
    let price = json!({ "amount": "500.00", "currency": "USD" });
    host.edit(&app, &event, json!({ "price": price })).await;
    let refusal = "The event changed just before your click. Nothing was booked.";
    browser.expect_text(".toast", refusal).await;
    browser.expect_text(".toast", "Chamber Concert: The price is now $500.00.").await;
    assert_eq!(count_bookings(&app).await, 0);

    browser.evaluate(LET_A_SECOND_PASS).await;
    browser.click_book().await;
    browser.expect_text(".toast", "Successfully booked Chamber Concert!").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_event_says_why_and_can_not_be_booked() {
    let app = App::start(Engine::Sqlite).await;
    let (host, event) = chamber_concert(&app).await;
    app.book(&token_of_ada(&app).await, &event, 1).await;
    let visitor = Browser::start(1280, 900).await;
    visitor.open(&format!("{}/events?search=chamber", app.url)).await;
    visitor.expect_text(".live", "Live counts").await;
    let ada = Browser::start(375, 812).await;
    ada.sign_in(&app.url, "Ada").await;
    ada.click_label("My bookings").await;
    ada.expect_text(".booking .badge", "Confirmed").await;
    ada.expect_text(".booking", "Cancel booking").await;

    cancel_event(&app, &host.owner, &event, REASON).await;
    visitor.expect_text(".card .badge", "Cancelled").await;
    visitor.expect_text(".sale-note", "This event was cancelled: The pianist is ill.").await;
    visitor.expect_text(".book", "Cancelled").await;
    visitor.expect_text(".toast", "Chamber Concert: This event was cancelled").await;
    visitor.click_label("Chamber Concert").await;
    visitor.expect_text(".badge", "Cancelled").await;
    visitor.expect_text(".book", "Cancelled").await;
    visitor.expect_none("#quantity, .total").await;

    // Whether or not the organizer's cancellation has reached the booking yet.
    ada.expect_text(".booking .badge", "Cancelled").await;
    let words = "Cancelled by the organizer: The pianist is ill.";
    ada.expect_text(".booking .sale-note", words).await;
    ada.expect_none(".booking .button").await;
    ada.page.refresh().await.unwrap();
    ada.expect_text(".booking .sale-note", words).await;
    ada.screenshot("cancelled-booking").await;
    ada.close().await;
    visitor.close().await;
}

/// Keeps timers that are due in more than ten minutes. `letTimePass` moves the browser's clock by
/// 20 minutes and runs them.
pub(super) const HOLD_LONG_TIMERS: &str = "window.longTimers = [];
    const set = window.setTimeout;
    window.setTimeout = (run, millis, ...rest) => {
        if (millis < 600_000) return set(run, millis, ...rest);
        window.longTimers.push(run);
        return 0;
    };
    window.letTimePass = () => {
        const Clock = window.Date;
        window.Date = class extends Clock {
            constructor(...time) {
                if (time.length) super(...time); else super(Clock.now() + 1_200_000);
            }
            static now() { return Clock.now() + 1_200_000; }
        };
        window.longTimers.splice(0).forEach(run => run());
    };";

#[tokio::test(flavor = "multi_thread")]
async fn tickets_can_be_booked_from_the_moment_that_the_sale_begins() {
    let app = App::start(Engine::Sqlite).await;
    let host = Host::found(&app).await;
    let opens_at = Utc::now() + Duration::minutes(15);
    let values = json!({ "title": "Early Bird", "salesStartAt": opens_at.to_rfc3339() });
    let event = host.event(&app, values).await;
    let browser = Browser::start(768, 900).await;
    let source = json!({ "source": HOLD_LONG_TIMERS });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&format!("{}/events/{event}", app.url)).await;
    browser.expect_text(".who", "Ada").await;
    browser.expect_text(".sale-note", "On sale from").await;
    browser.expect_text(".book", "Not on sale yet").await;
    browser.expect_none("#quantity, .total").await;
    browser.screenshot("not-yet-on-sale").await;

    // By the browser's clock, the sale has begun, but the server's decides.
    browser.evaluate("window.letTimePass()").await;
    browser.expect_none(".sale-note").await;
    browser.click_book().await;
    browser.expect_text(".toast", "on sale").await;
    assert_eq!(count_bookings(&app).await, 0);
    app.clock.advance(Duration::minutes(20));
    browser.click_book().await;
    browser.expect_text(".toast", "Successfully booked Early Bird!").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_has_ended_goes_on_when_the_organizer_says_so() {
    let app = App::start(Engine::Sqlite).await;
    let (host, event) = chamber_concert(&app).await;
    let ended_at = Utc::now() - Duration::minutes(1);
    host.edit(&app, &event, json!({ "salesEndAt": ended_at.to_rfc3339() })).await;
    let browser = Browser::start(768, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&format!("{}/events/{event}", app.url)).await;
    browser.expect_text(".who", "Ada").await;
    browser.expect_text(".book", "Sale ended").await;
    browser.expect_none("#quantity, .total").await;
    host.edit(&app, &event, json!({ "salesEndAt": null })).await;
    browser.expect_text(".toast", "The sale now ends when the event starts.").await;
    browser.click_book().await;
    browser.expect_text(".toast", "Successfully booked Chamber Concert!").await;
    browser.close().await;
}
