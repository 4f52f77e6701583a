//! Pages that were hidden: what they show is read again, and no price changes unnoticed.

use super::{
    booking::{count_bookings, token_of_ada},
    driver::Browser,
    edits::LET_A_SECOND_PASS,
};
use crate::{app::App, database::Engine, demo::JAZZ_NIGHT};

async fn set_price(app: &App, minor_units: i64) {
    let update =
        format!("UPDATE events SET price_minor = {minor_units} WHERE title = 'Jazz Night'");
    app.execute_sql(&update).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_seen_again_shows_a_changed_price() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(768, 900).await;
    browser.open(&format!("{}/events?search=jazz", app.url)).await;
    browser.expect_text(".price", "$35.00").await;
    browser.set_visible(false).await;
    set_price(&app, 4_000).await;
    browser.set_visible(true).await;
    browser.expect_text(".price", "$40.00").await;

    browser.open(&format!("{}/events/{JAZZ_NIGHT}?quantity=2", app.url)).await;
    browser.expect_text(".total", "$80.00").await;
    browser.set_visible(false).await;
    set_price(&app, 4_500).await;
    browser.set_visible(true).await;
    browser.expect_text(".one-price", "$45.00 each").await;
    browser.expect_text(".total", "$90.00").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_changed_while_the_page_was_hidden_is_not_booked() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(768, 900).await;
    browser.let_tests_hold_socket_messages().await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("Jazz Night").await;
    browser.expect_text(".total", "$35.00").await;
    browser.expect_text(".live", "Live counts").await;
    // The list knows no description. So the event was read, and no read shows the new price.
    browser.expect_text("main", "The house trio with a different guest in each set.").await;
    // The page is booked from before it was read again, and before the socket tells of the price.
    browser.set_visible(false).await;
    browser.hold_socket_messages().await;
    set_price(&app, 4_000).await;
    browser.click_book().await;
    browser.expect_text(".toast", "Jazz Night: The price is now $40.00. Nothing was booked.").await;
    browser.expect_text(".total", "$40.00").await;
    assert_eq!(count_bookings(&app).await, 0);

    browser.release_socket_messages().await;
    browser.set_visible(true).await;
    browser.evaluate(LET_A_SECOND_PASS).await;
    browser.click_book().await;
    browser.expect_text(".toast", "Successfully booked Jazz Night!").await;
    assert_eq!(count_bookings(&app).await, 1);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_bookings_is_read_again_when_it_is_seen_again() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(768, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("My bookings").await;
    browser.expect_text(".notice", "You haven't booked any events yet.").await;
    browser.set_visible(false).await;
    app.book(&token_of_ada(&app).await, JAZZ_NIGHT, 1).await;
    browser.set_visible(true).await;
    browser.expect_text(".booking", "Jazz Night").await;
    browser.close().await;
}
