//! Messages that go away when they no longer hold.

use super::driver::Browser;
use crate::{app::App, database::Engine, demo::LIMITED_CONCERT};

/// Keeps messages from going away after some seconds. [`expect_kept`] checks that it does.
async fn keep_messages(browser: &Browser) {
    let keep = "const set = window.setTimeout; window.keptMessages = 0;
        window.setTimeout = (f, ms, ...rest) => {
            if (ms !== 7_000 && ms !== 15_000) return set(f, ms, ...rest);
            window.keptMessages += 1;
            return 0;
        }";
    browser.evaluate(keep).await;
}

/// Waits for a message that [`keep_messages`] keeps.
async fn expect_kept(browser: &Browser, text: &str) {
    browser.expect_text(".toast", text).await;
    let kept = browser.evaluate("return window.keptMessages").await;
    assert!(kept.as_i64() > Some(0), "the message would go away by itself: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sold_out_goes_away_when_tickets_come_back() {
    // The delay lets both book before the first booking is made.
    let app = App::start_with(Engine::Sqlite, &["--booking-delay-ms", "1500"]).await;
    let browser = Browser::start(768, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("Limited Concert").await;
    browser.expect_text(".live", "Live counts").await;
    keep_messages(&browser).await;
    let buyer = app.user().await;
    let (booked, ()) = tokio::join!(app.book(&buyer, LIMITED_CONCERT, 2), browser.click_book());
    expect_kept(&browser, "Sorry, tickets for Limited Concert are no longer available.").await;
    app.cancel(&buyer, booked["booking"]["id"].as_str().unwrap()).await;
    browser.expect_text(".badge", "2 tickets left").await;
    browser.expect_none(".toast").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sold_out_stays_until_a_count_that_lags_behind_has_caught_up() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(768, 900).await;
    browser.let_tests_hold_socket_messages().await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("Limited Concert").await;
    browser.expect_text(".live", "Live counts").await;
    keep_messages(&browser).await;
    browser.hold_socket_messages().await;
    let buyer = app.user().await;
    let booked = app.book(&buyer, LIMITED_CONCERT, 2).await;
    browser.click_book().await;
    expect_kept(&browser, "Sorry, tickets for Limited Concert are no longer available.").await;
    browser.expect_text(".badge", "2 tickets left").await;
    browser.release_socket_messages().await;
    browser.expect_text(".badge", "Sold out").await;
    browser.expect_text(".toast", "no longer available").await;
    app.cancel(&buyer, booked["booking"]["id"].as_str().unwrap()).await;
    browser.expect_text(".badge", "2 tickets left").await;
    browser.expect_none(".toast").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn booked_goes_away_when_the_booking_is_cancelled_elsewhere() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("Jazz Night").await;
    keep_messages(&browser).await;
    browser.click_book().await;
    expect_kept(&browser, "Successfully booked Jazz Night!").await;
    let event_page = browser.new_tab().await;
    browser.open(&format!("{}/bookings", app.url)).await;
    keep_messages(&browser).await;
    browser.click_label("Cancel booking").await;
    browser.click("dialog[open] .button-danger").await;
    expect_kept(&browser, "Your booking for Jazz Night is cancelled.").await;
    let bookings = browser.page.window().await.unwrap();
    browser.switch_to(&event_page).await;
    browser.expect_none(".toast").await;

    // The same holds for "cancelled" when it is booked again.
    browser.click_book().await;
    browser.expect_text(".toast", "Successfully booked Jazz Night!").await;
    browser.switch_to(&bookings).await;
    browser.click_label("Events").await;
    browser.expect_text(".found", "12 events").await;
    browser.expect_none(".toast").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_goes_away_when_the_next_attempt_succeeds_or_the_page_is_left() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("Jazz Night").await;
    keep_messages(&browser).await;
    let refuse = "const send = window.fetch; window.fetch = async (request, ...rest) => {
        if (!(await request.clone().text()).includes('bookEvent')) return send(request, ...rest);
        window.fetch = send;
        const error = { message: 'No.', extensions: { code: 'RATE_LIMITED' } };
        return new Response(JSON.stringify({ data: null, errors: [error] })); }";
    browser.evaluate(refuse).await;
    browser.click_book().await;
    expect_kept(&browser, "No.").await;
    browser.click_book().await;
    browser.expect_text(".toast", "Successfully booked Jazz Night!").await;
    browser.expect_none(".toast-bad").await;

    browser.click_label("Events").await;
    browser.click_label("Limited Concert").await;
    browser.expect_text("h1", "Limited Concert").await;
    browser.evaluate(refuse).await;
    browser.click_book().await;
    browser.expect_text(".toast", "No.").await;
    browser.click_label("Events").await;
    browser.expect_text("h1", "What's on").await;
    browser.expect_none(".toast-bad").await;
    browser.close().await;
}
