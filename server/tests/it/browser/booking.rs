//! Booking and cancelling, and the messages that people see.

use chrono::Utc;
use rowlock_entities::booking;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::json;

use super::driver::{Browser, ENTER, ESCAPE, badge_script};
use crate::{
    app::App,
    database::Engine,
    demo::{LIMITED_CONCERT, LOG_IN_AS_ADA},
};

pub(super) async fn count_bookings(app: &App) -> u64 {
    booking::Entity::find().count(app.db()).await.unwrap()
}

/// An access token of Ada, from a sign-in outside the browser.
pub(super) async fn token_of_ada(app: &App) -> String {
    let data = app.data(None, LOG_IN_AS_ADA, json!({})).await;
    data["login"]["accessToken"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_books_one_ticket_in_the_list_and_several_on_the_event_page() {
    let app = App::start_with(Engine::Sqlite, &["--booking-delay-ms", "300"]).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    let badge = badge_script("Limited Concert");
    browser.wait_for(&badge, |words| *words == "2 tickets left").await;
    browser.click_on_card("Limited Concert", "Book now").await;
    browser.expect_text(".book", "Booking…").await;
    browser.expect_text(".toast", "Successfully booked Limited Concert!").await;
    browser.expect_text(".booked", "Booked").await;
    browser.wait_for(&badge, |words| *words == "1 ticket left").await;
    browser.screenshot("booked-1280").await;

    browser.click_label("Jazz Night").await;
    browser.expect_text("h1", "Jazz Night").await;
    browser.choose("#quantity", "3").await;
    browser.expect_text(".total", "$105.00").await;
    browser.click_book().await;
    browser.expect_text(".toast", "Successfully booked Jazz Night!").await;
    browser.expect_text(".yours", "You have 3 tickets.").await;
    browser.expect_text(".badge", "77 tickets left").await;

    browser.click_label("My bookings").await;
    browser.expect_text(".booking", "Jazz Night").await;
    browser.expect_text(".booking-facts", "Confirmed 3 × $35.00 = $105.00").await;
    app.assert_nothing_oversold().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_booked_elsewhere_is_shown_as_booked() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(768, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.expect_text(".found", "12 events").await;
    app.book(&token_of_ada(&app).await, LIMITED_CONCERT, 1).await;
    browser.click_on_card("Limited Concert", "Book now").await;
    browser.expect_text(".toast", "You have already booked this event.").await;
    browser.expect_text(".booked", "Booked").await;
    assert_eq!(count_bookings(&app).await, 1);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_ticket_goes_to_one_of_two_users_who_click_at_once() {
    // The delay lets both click before the first booking is made.
    let app = App::start_with(Engine::Sqlite, &["--booking-delay-ms", "1500"]).await;
    let event = app.event("Last Chair", 1).await;
    let page = format!("{}/events/{event}", app.url);
    let (ada, grace) = tokio::join!(Browser::start(768, 900), Browser::start(768, 900));
    tokio::join!(ada.sign_in(&app.url, "Ada"), grace.sign_in(&app.url, "Grace"));
    for (browser, name) in [(&ada, "Ada"), (&grace, "Grace")] {
        browser.open(&page).await;
        browser.expect_text(".who", name).await;
        browser.expect_text(".badge", "1 ticket left").await;
        browser.expect_text(".live", "Live counts").await;
    }
    tokio::join!(ada.click_book(), grace.click_book());
    let toast = "return document.querySelector('.toast p')?.innerText";
    let mut toasts = Vec::new();
    for browser in [&ada, &grace] {
        let words = browser.wait_for(toast, |words| words.is_string()).await;
        toasts.push(words.as_str().unwrap().to_owned());
        browser.expect_text(".badge", "Sold out").await;
    }
    toasts.sort();
    assert_eq!(
        toasts,
        [
            "Sorry, tickets for Last Chair are no longer available.",
            "Successfully booked Last Chair!"
        ]
    );
    app.assert_nothing_oversold().await;
    ada.screenshot("last-ticket-ada").await;
    grace.screenshot("last-ticket-grace").await;
    ada.close().await;
    grace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_was_requested_before_a_booking_does_not_hide_it() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.expect_text(".found", "12 events").await;
    browser.delay_answers("\"concert\"", 2_000).await;
    browser.fill("search", "concert").await;
    browser.expect_path("/events?search=concert").await;
    browser.click_on_card("Limited Concert", "Book now").await;
    browser.expect_text(".booked", "Booked").await;
    assert_eq!(
        browser.evaluate("return window.delayedAnswers").await,
        0,
        "the list has not arrived yet"
    );
    browser.wait_for_delayed_answers(1).await;
    browser.expect_text(".found", "1 event").await;
    browser.expect_text(".booked", "Booked").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_other_tab_shows_their_bookings_and_cancellations() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.expect_text(".found", "12 events").await;
    let list = browser.new_tab().await;
    browser.open(&format!("{}/bookings", app.url)).await;
    browser.expect_text(".notice", "You haven't booked any events yet.").await;
    let bookings = browser.page.window().await.unwrap();
    browser.switch_to(&list).await;
    browser.click_on_card("Limited Concert", "Book now").await;
    browser.expect_text(".booked", "Booked").await;
    browser.switch_to(&bookings).await;
    browser.click_on_card("Limited Concert", "Cancel booking").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_text(".booking .badge", "Cancelled").await;
    browser.switch_to(&list).await;
    browser.expect_none(".booked").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_tickets_are_offered_than_remain() {
    let app = App::start(Engine::Sqlite).await;
    let event = app.event("Reading", 4).await;
    let browser = Browser::start(768, 900).await;
    browser.open(&format!("{}/events/{event}", app.url)).await;
    let quantities = "return document.querySelector('#quantity')?.max";
    browser.wait_for(quantities, |offered| *offered == "4").await;
    browser.expect_text(".live", "Live counts").await;
    browser.choose("#quantity", "4").await;
    browser.expect_text(".total", "€40.00").await;
    app.book(&app.user().await, &event, 2).await;
    browser.wait_for(quantities, |offered| *offered == "2").await;
    browser.expect_text(".total", "€20.00").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_asks_for_confirmation_and_returns_the_tickets() {
    let app = App::start(Engine::Sqlite).await;
    app.book(&token_of_ada(&app).await, LIMITED_CONCERT, 2).await;
    let browser = Browser::start(768, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    let badge = badge_script("Limited Concert");
    browser.wait_for(&badge, |words| *words == "Sold out").await;
    let list = browser.new_tab().await;
    browser.open(&format!("{}/bookings", app.url)).await;
    browser.click_label("Cancel booking").await;
    browser.expect_text("dialog[open]", "Cancel your booking for Limited Concert?").await;
    browser.expect_text("dialog[open]", "Your 2 tickets go back on sale at once.").await;
    browser.expect_text("dialog[open] .dialog-foot", "Keep booking").await;
    browser.screenshot("cancel-dialog-768").await;

    // Escape closes the dialog without cancelling, and the focus returns to the button.
    browser.press(ESCAPE).await;
    browser.expect_none("dialog[open]").await;
    let focused = "return document.activeElement.innerText";
    browser.wait_for(focused, |words| *words == "Cancel booking").await;
    assert_eq!(app.remaining_tickets(LIMITED_CONCERT).await, 0);

    browser.press(ENTER).await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_text(".toast", "Your booking for Limited Concert is cancelled.").await;
    browser.expect_text(".booking .badge", "Cancelled").await;
    browser.expect_none("dialog[open]").await;
    // The focus moves to the booking, because its button is gone.
    browser
        .wait_for("return document.activeElement.className", |class| {
            class.as_str().is_some_and(|class| class.contains("booking"))
        })
        .await;
    assert_eq!(app.remaining_tickets(LIMITED_CONCERT).await, 2);
    let bookings_tab = browser.page.window().await.unwrap();
    browser.switch_to(&list).await;
    browser.wait_for(&badge, |words| *words == "2 tickets left").await;

    // The event can be booked again.
    browser.switch_to(&bookings_tab).await;
    browser.click_label("Limited Concert").await;
    browser.click_book().await;
    browser.expect_text(".toast", "Successfully booked Limited Concert!").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_has_a_section_for_what_is_coming_what_is_over_and_what_is_cancelled() {
    let app = App::start(Engine::Sqlite).await;
    let token = token_of_ada(&app).await;
    // In the order in which they are booked, with the days until they start.
    for (title, days, quantity) in [("Later", 9, 3), ("Over", 7, 1), ("Left", 7, 1), ("Soon", 8, 2)]
    {
        let event = app
            .event_with(|event| {
                event.title = title.to_owned();
                event.title_key = title.to_lowercase();
                event.starts_at = Utc::now() + chrono::Duration::days(days);
                if title == "Soon" {
                    event.price_minor = 0;
                }
            })
            .await;
        let booked = app.book(&token, &event, quantity).await;
        if title == "Left" {
            app.cancel(&token, booked["booking"]["id"].as_str().unwrap()).await;
        }
    }
    app.execute_sql("UPDATE events SET starts_at = created_at WHERE title = 'Over'").await;
    let browser = Browser::start(768, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("My bookings").await;
    // With the buttons that cancel, and the links to tickets.
    let sections = "return [...document.querySelectorAll('.bookings-section')].map(section => [
        section.querySelector('h2').innerText,
        [...section.querySelectorAll('h3')].map(title => title.innerText),
        section.querySelectorAll('button').length, section.querySelectorAll('a.button').length])";
    let expected = json!([
        ["Upcoming", ["Soon", "Later"], 2, 2],
        ["Past", ["Over"], 0, 1],
        ["Cancelled", ["Left"], 0, 0]
    ]);
    browser.wait_for(sections, |found| *found == expected).await;
    browser.expect_text(".paid", "2 tickets, Free | 3 × €10.00 = €30.00 | 1 ticket, €10.00").await;
    browser.screenshot("bookings-in-sections-768").await;

    browser.click_on_card("Soon", "Cancel booking").await;
    browser.click_label("Keep booking").await;
    browser.expect_none("dialog[open]").await;
    assert_eq!(browser.evaluate(sections).await, expected);
    browser.click_on_card("Soon", "Cancel booking").await;
    browser.click("dialog[open] .button-danger").await;
    let expected = json!([
        ["Upcoming", ["Later"], 1, 1],
        ["Past", ["Over"], 0, 1],
        ["Cancelled", ["Soon", "Left"], 0, 0]
    ]);
    browser.wait_for(sections, |found| *found == expected).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_of_bookings_is_loaded_in_pages() {
    let app = App::start(Engine::Sqlite).await;
    let token = token_of_ada(&app).await;
    for number in 1..=25 {
        let event = app.event(&format!("Lecture {number}"), 5).await;
        app.book(&token, &event, 1).await;
    }
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("My bookings").await;
    let rows = "return document.querySelectorAll('.booking h3').length";
    browser.wait_for(rows, |count| *count == 20).await;
    browser.click_label("Show older bookings").await;
    browser.wait_for(rows, |count| *count == 25).await;
    browser.expect_none(".more").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_has_started_cannot_be_booked() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(768, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.expect_text(".found", "12 events").await;
    // The event has started by the server's clock, which decides, but not by the browser's.
    app.clock.advance(chrono::Duration::minutes(10));
    let event = app
        .event_with(|event| {
            event.title = "Matinee".to_owned();
            event.title_key = "matinee".to_owned();
            event.starts_at = Utc::now() + chrono::Duration::minutes(5);
        })
        .await;
    browser.open(&format!("{}/events/{event}", app.url)).await;
    browser.expect_text(".who", "Ada").await;
    browser.click_book().await;
    browser.expect_text(".toast", "has started").await;
    browser.expect_text(".book", "Closed").await;
    browser.close().await;
}
