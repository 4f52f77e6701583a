//! The web client works on a server that runs only the client's operations.

use super::driver::{Browser, ENTER, badge_script};
use crate::{
    app::{App, WEB_DIR},
    database::Engine,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_web_client_works_if_only_its_own_operations_are_allowed() {
    let list = format!("{WEB_DIR}/operations.json");
    let app = App::start_with(Engine::Sqlite, &["--allowed-operations", &list]).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/register", app.url)).await;
    for (field, text) in
        [("name", "Nadia"), ("email", "nadia@example.org"), ("password", "passw0rd")]
    {
        browser.fill(field, text).await;
    }
    browser.press(ENTER).await;
    browser.expect_text(".who", "Nadia").await;
    let badge = badge_script("Limited Concert");
    browser.wait_for(&badge, |words| *words == "2 tickets left").await;
    browser.expect_text(".live", "Live counts").await;
    browser.expect_text(".site-footer", "Rowlock never sells a ticket twice.").await;
    browser.expect_none(".site-footer a[href='/playground']").await;
    browser.click_on_card("Limited Concert", "Book now").await;
    browser.expect_text(".toast", "Successfully booked Limited Concert!").await;
    browser.wait_for(&badge, |words| *words == "1 ticket left").await;

    // A reload needs a refresh.
    browser.open(&format!("{}/bookings", app.url)).await;
    browser.expect_text(".booking", "Limited Concert").await;
    browser.click_on_card("Limited Concert", "Cancel booking").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_text(".booking .badge", "Cancelled").await;
    browser.click_label("Limited Concert").await;
    browser.expect_text("h1", "Limited Concert").await;
    browser.expect_text(".badge", "2 tickets left").await;
    browser.click_label("Sign out").await;
    browser.expect_text(".toast", "You are signed out.").await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("My bookings").await;
    browser.click_label("Sign out everywhere").await;
    browser.expect_text(".toast", "You are signed out on all devices.").await;
    app.assert_nothing_oversold().await;
    browser.close().await;
}
