//! Second thoughts about a booking: undoing it, and changing how many tickets it has.

use super::driver::{Browser, KEEP_SAVED_LINKS};
use crate::{
    app::App,
    database::Engine,
    demo::{JAZZ_NIGHT, LIMITED_CONCERT},
};

#[tokio::test(flavor = "multi_thread")]
async fn one_click_too_many_is_undone_in_the_message_about_it() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(375, 667).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_on_card("Jazz Night", "Book now").await;
    browser.expect_text(".toast", "Successfully booked Jazz Night!").await;
    assert_eq!(app.remaining_tickets(JAZZ_NIGHT).await, 79);
    browser.click_label("Undo").await;
    browser.expect_text(".toast", "Your booking for Jazz Night is cancelled.").await;
    assert_eq!(app.remaining_tickets(JAZZ_NIGHT).await, 80);
    browser.expect_none(".booked").await;
    // The same event can be booked again. The message is above its button.
    browser.click("[aria-label='Dismiss']").await;
    browser.click_on_card("Jazz Night", "Book now").await;
    browser.expect_text(".toast", "Successfully booked Jazz Night!").await;
    app.assert_nothing_oversold().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tickets_of_a_booking_are_changed_on_the_events_page() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_on_card("Jazz Night", "Book now").await;
    browser.click_label("Change").await;
    browser.expect_path(&format!("/events/{JAZZ_NIGHT}")).await;
    browser.expect_text("h2", "You're going!").await;
    browser.expect_text(".yours", "You have 1 ticket.").await;
    browser.expect_none(".change").await;
    browser.click("[aria-label='One ticket more']").await;
    browser.click("[aria-label='One ticket more']").await;
    browser.click_label("Change to 3 tickets").await;
    browser.expect_text(".toast", "You now have 3 tickets for Jazz Night.").await;
    browser.expect_text(".yours", "You have 3 tickets.").await;
    browser.expect_text(".badge", "77 tickets left").await;
    browser.expect_none(".change").await;
    // The focus was on the button, which is gone.
    let focused = "return document.activeElement.id";
    browser.wait_for(focused, |focused| *focused == "going").await;

    browser.choose("#quantity", "2").await;
    browser.click_label("Change to 2 tickets").await;
    browser.expect_text(".yours", "You have 2 tickets.").await;
    browser.click_label("Show tickets").await;
    browser.expect_text(".facts", "2 × $35.00 = $70.00").await;
    browser.expect_text(".tickets", "Ticket 2 of 2").await;
    assert_eq!(app.remaining_tickets(JAZZ_NIGHT).await, 78);
    app.assert_nothing_oversold().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_tickets_are_offered_to_a_booking_than_are_left() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.let_tests_hold_socket_messages().await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("Limited Concert").await;
    browser.click_book().await;
    browser.expect_text(".yours", "You have 1 ticket.").await;
    let most = "return document.querySelector('#quantity').max";
    browser.wait_for(most, |most| *most == "2").await;

    // Somebody else takes the last ticket, of which the page does not know yet.
    browser.hold_socket_messages().await;
    app.book(&app.user().await, LIMITED_CONCERT, 1).await;
    browser.choose("#quantity", "2").await;
    browser.click_label("Change to 2 tickets").await;
    browser.expect_text(".toast", "Sorry, no more tickets are left for Limited Concert.").await;
    browser.expect_text(".yours", "You have 1 ticket.").await;
    browser.release_socket_messages().await;
    browser.wait_for(most, |most| *most == "1").await;
    app.assert_nothing_oversold().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_other_tab_shows_the_changed_number_of_tickets() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("Jazz Night").await;
    browser.click_book().await;
    browser.expect_text(".yours", "You have 1 ticket.").await;
    let first = browser.page.window().await.unwrap();
    let second = browser.new_tab().await;
    browser.switch_to(&second).await;
    browser.open(&format!("{}/events/{JAZZ_NIGHT}", app.url)).await;
    browser.expect_text(".yours", "You have 1 ticket.").await;
    browser.choose("#quantity", "4").await;
    browser.click_label("Change to 4 tickets").await;
    browser.expect_text(".yours", "You have 4 tickets.").await;
    browser.switch_to(&first).await;
    browser.expect_text(".yours", "You have 4 tickets.").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booked_event_goes_into_a_calendar() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("Jazz Night").await;
    browser.click_book().await;
    browser.click_label("Show tickets").await;
    browser.expect_text(".tickets", "Ticket 1 of 1").await;
    browser.evaluate(KEEP_SAVED_LINKS).await;
    browser.click_label("Add to calendar").await;
    let file = browser.wait_for("return window.savedLinks[0]", |file| !file.is_null()).await;
    assert_eq!(file[0], "event.ics");
    let lines: Vec<&str> = file[1].as_str().unwrap().split("\r\n").collect();
    assert_eq!((lines[0], lines[1]), ("BEGIN:VCALENDAR", "VERSION:2.0"));
    assert!(lines.contains(&"SUMMARY:Jazz Night"), "{lines:?}");
    // A comma would separate two places.
    assert!(lines.contains(&"LOCATION:Blue Door\\, New York"), "{lines:?}");
    let start = lines.iter().find_map(|line| line.strip_prefix("DTSTART:")).unwrap();
    assert!(start.len() == 16 && start.ends_with("00Z"), "{start}");
    browser.close().await;
}
