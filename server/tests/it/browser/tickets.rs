//! The page of a booking with its tickets.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{Duration, Utc};
use rowlock_entities::organizer_member::Role;
use serde_json::json;

use super::{
    accessibility::check_view,
    driver::{Browser, KEEP_SAVED_LINKS},
};
use crate::{
    app::App,
    database::Engine,
    demo::{JAZZ_NIGHT, LOG_IN_AS_ADA, UNKNOWN_ID},
    managed_events::{Host, cancel_event},
};

/// The number of tickets of which each code is as large as a scanner needs, and shown in black on
/// white.
const GOOD_CODES: &str = "return [...document.querySelectorAll('.qr')].filter(code => {
    const { width, height } = code.getBoundingClientRect();
    const [ground, modules] = ['rect', 'path'].map(
        part => getComputedStyle(code.querySelector(part)).fill);
    return width >= 200 && height === width
        && ground === 'rgb(255, 255, 255)' && modules === 'rgb(0, 0, 0)';
}).length";

/// Ada's access token.
async fn ada(app: &App) -> String {
    let login = app.data(None, LOG_IN_AS_ADA, json!({})).await;
    login["login"]["accessToken"].as_str().unwrap().to_owned()
}

/// Books for Ada and returns the address of the booking's page.
async fn booked(app: &App, event: &str, quantity: i64) -> String {
    let booked = app.book(&ada(app).await, event, quantity).await;
    format!("{}/bookings/{}", app.url, booked["booking"]["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_shows_a_code_for_each_ticket() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let page = booked(&app, JAZZ_NIGHT, 3).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("My bookings").await;
    browser.click_label("Show tickets").await;
    browser.expect_path(page.strip_prefix(&app.url).unwrap()).await;
    browser.expect_text("h1", "Jazz Night").await;
    browser.expect_text(".facts", "Name Ada").await;
    browser.expect_text(".facts", "3 × $35.00 = $105.00").await;
    for ticket in ["Ticket 1 of 3", "Ticket 2 of 3", "Ticket 3 of 3"] {
        browser.expect_text(".ticket", ticket).await;
    }
    for theme in ["light", "dark"] {
        browser.set_theme(theme).await;
        for width in [320, 1280] {
            browser.set_size(width, 900).await;
            assert_eq!(browser.evaluate(GOOD_CODES).await, 3, "{theme} at {width}");
        }
    }
    check_view(&browser, "tickets").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_tickets_are_printed_on_one_sheet() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let page = booked(&app, JAZZ_NIGHT, 10).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&page).await;
    browser.expect_text(".ticket", "Ticket 10 of 10").await;
    browser.evaluate("window.print = () => window.printed = true").await;
    browser.click_label("Print").await;
    browser.wait_for("return window.printed", |printed| *printed == true).await;
    for (width, height) in [(8.27, 11.69), (8.5, 11.0)] {
        let size = json!({ "paperWidth": width, "paperHeight": height });
        let printed = browser.devtools("Page.printToPDF", size).await;
        let pdf = STANDARD.decode(printed["data"].as_str().unwrap()).unwrap();
        let pdf = String::from_utf8_lossy(&pdf);
        assert_eq!(pdf.matches("/Type /Page\n").count(), 1, "{width} × {height}");
    }
    let media = json!({ "media": "print" });
    browser.devtools("Emulation.setEmulatedMedia", media).await;
    let shown = browser.evaluate("return document.body.innerText").await;
    for hidden in ["My bookings", "Share", "Rowlock never sells"] {
        assert!(!shown.as_str().unwrap().contains(hidden), "{shown}");
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_stay_readable_without_a_network() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(375, 812).await;
    let page = booked(&app, JAZZ_NIGHT, 2).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&page).await;
    browser.expect_text(".ticket", "Ticket 2 of 2").await;
    browser.set_online(false).await;
    // The page is read again when it is seen again.
    browser
        .evaluate(
            "const send = window.fetch; window.failed = 0;
             window.fetch = (...request) => send(...request).catch(error => {
                 setTimeout(() => window.failed += 1);
                 throw error;
             })",
        )
        .await;
    browser.set_visible(false).await;
    browser.set_visible(true).await;
    browser.wait_for("return window.failed", |failed| failed.as_i64() > Some(0)).await;
    assert_eq!(browser.evaluate(GOOD_CODES).await, 2);
    browser.expect_none(".notice").await;
    browser.evaluate(KEEP_SAVED_LINKS).await;
    browser.click_label("Add to calendar").await;
    let saved = browser.wait_for("return window.savedLinks[0]", |saved| !saved.is_null()).await;
    assert_eq!(saved[0], "event.ics");
    assert!(saved[1].as_str().unwrap().contains("SUMMARY:Jazz Night"), "{saved}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_moved_goes_into_a_calendar_at_its_new_time() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({ "title": "Opera" })).await;
    let page = booked(&app, &event, 2).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&page).await;
    browser.expect_text(".ticket", "Ticket 2 of 2").await;
    browser.evaluate(KEEP_SAVED_LINKS).await;
    browser.evaluate("document.querySelector('.actions button').focus()").await;
    browser.hold_answers("calendarFile").await;
    let later = Utc::now() + Duration::days(9);
    let edit = json!({ "title": "Late Opera", "startsAt": later.to_rfc3339() });
    host.edit(&app, &event, edit).await;
    // The page shows the edit and the tickets while the file is on its way.
    browser.expect_text("h1", "Late Opera").await;
    browser.wait_for("return window.heldAnswers.length", |held| *held == 1).await;
    assert_eq!(browser.evaluate(GOOD_CODES).await, 2);
    browser.release_answers(1).await;
    assert_eq!(browser.evaluate("return document.activeElement.innerText").await, "Print");
    browser.click_label("Add to calendar").await;
    let saved = browser.evaluate("return window.savedLinks[0][1]").await;
    let saved = saved.as_str().unwrap();
    let start = later.format("DTSTART:%Y%m%dT%H%M").to_string();
    assert!(saved.contains(&start) && saved.contains("SUMMARY:Late Opera"), "{saved}");
    assert_eq!(browser.evaluate(GOOD_CODES).await, 2);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_code_is_in_view_on_a_telephone() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(375, 667).await;
    let host = Host::found(&app).await;
    // It takes two lines.
    let title = json!({ "title": "An Evening of Chamber Music with Friends" });
    let page = booked(&app, &host.event(&app, title).await, 3).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&page).await;
    browser.expect_text(".ticket", "Ticket 3 of 3").await;
    let bottom = "return document.querySelector('.qr').getBoundingClientRect().bottom";
    let bottom = browser.evaluate(bottom).await.as_f64().unwrap();
    browser.screenshot("tickets-telephone").await;
    assert!(bottom <= 667.0, "{bottom}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_booking_says_so_and_has_no_code() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({ "title": "Opera" })).await;
    let page = booked(&app, &event, 1).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&page).await;
    browser.expect_text(".ticket", "Ticket 1 of 1").await;
    // The page learns of it while it is open.
    cancel_event(&app, &host.owner, &event, "The tenor is ill.").await;
    browser.expect_text(".notice", "This booking is cancelled.").await;
    browser.expect_text(".notice", "Cancelled by the organizer: The tenor is ill.").await;
    browser.expect_none(".qr").await;
    browser.open(&page).await;
    browser.expect_text(".notice", "This booking is cancelled.").await;
    browser.expect_none(".qr").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_of_somebody_else_looks_like_none() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let others = app.book(&app.user().await, JAZZ_NIGHT, 1).await;
    let others = others["booking"]["id"].as_str().unwrap().to_owned();
    browser.open(&format!("{}/bookings/{others}", app.url)).await;
    // The sign-in leads back to the page.
    browser.expect_path(&format!("/sign-in?next=%2Fbookings%2F{others}")).await;
    browser.submit_sign_in("Ada").await;
    browser.expect_path(&format!("/bookings/{others}")).await;
    browser.expect_text(".notice", "You have no such booking.").await;
    for missing in [UNKNOWN_ID, "nothing"] {
        browser.open(&format!("{}/bookings/{missing}", app.url)).await;
        browser.expect_text(".notice", "You have no such booking.").await;
    }
    browser.expect_text("h1", "Not found").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_ticket_says_when_it_was_checked_in() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let host = Host::found(&app).await;
    let door = app.user().await;
    host.add(&app, &door, Role::Door).await;
    let event = host.event(&app, json!({ "title": "Opera" })).await;
    let page = booked(&app, &event, 2).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&page).await;
    browser.expect_text(".facts", "Reference").await;
    let reference =
        browser.evaluate("return document.querySelector('.facts .reference-code').innerText").await;
    let check_in = "mutation($input: CheckInInput!) { checkIn(input: $input) { __typename } }";
    let code = format!("{}/2", reference.as_str().unwrap());
    let input = json!({ "eventId": event, "code": code });
    let answer = app.data(Some(&door), check_in, json!({ "input": input })).await;
    assert_eq!(answer["checkIn"]["__typename"], "CheckInSuccess");
    browser.open(&page).await;
    browser.expect_text(".ticket:last-child", "Checked in at").await;
    let first = browser.evaluate("return document.querySelector('.ticket').innerText").await;
    assert!(!first.as_str().unwrap().contains("Checked in"), "{first}");
    // Who is in gives nothing back.
    booked(&app, &host.event(&app, json!({ "title": "Ballet" })).await, 1).await;
    browser.open(&format!("{}/bookings", app.url)).await;
    browser.expect_text(".bookings", "Opera").await;
    let buttons = "return [...document.querySelectorAll('.booking button')].map(b => b.ariaLabel)";
    assert_eq!(browser.evaluate(buttons).await, json!(["Cancel booking for Ballet"]));
    browser.close().await;
}
