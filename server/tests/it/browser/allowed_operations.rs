//! The client on a server that runs no operations but the client's.

use super::driver::{Browser, ENTER, badge};
use crate::{
    app::{App, WEB_DIR},
    database::Engine,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_can_do_everything_where_only_the_clients_own_operations_run() {
    let list = format!("{WEB_DIR}/operations.json");
    let app = App::start_with(Engine::Sqlite, &["--allowed-operations", &list]).await;
    let browser = Browser::start(1280, 900).await;
    browser.go(&format!("{}/register", app.url)).await;
    for (field, text) in [
        ("name", "Nadia"),
        ("email", "nadia@example.org"),
        ("password", "passw0rd"),
        ("passwordAgain", "passw0rd"),
    ] {
        browser.fill(field, text).await;
    }
    browser.press(ENTER).await;
    browser.see(".who", "Nadia").await;
    let badge = badge("Limited Concert");
    browser.wait_for(&badge, |words| *words == "2 tickets left").await;
    browser.see(".live", "Live counts").await;
    browser.click_on_card("Limited Concert", "Book").await;
    browser.see(".toast", "Successfully booked Limited Concert!").await;
    browser.wait_for(&badge, |words| *words == "1 ticket left").await;

    // A reload refreshes the session.
    browser.go(&format!("{}/bookings", app.url)).await;
    browser.see(".booking", "Limited Concert").await;
    browser.click_on_card("Limited Concert", "Cancel booking").await;
    browser.click("dialog[open] .button-danger").await;
    browser.see(".booking .badge", "Cancelled").await;
    browser.click_on("Limited Concert").await;
    browser.see("h1", "Limited Concert").await;
    browser.see(".badge", "2 tickets left").await;
    browser.click_on("Sign out").await;
    browser.see(".toast", "You are signed out.").await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click_on("My bookings").await;
    browser.click_on("Sign out everywhere").await;
    browser.see(".toast", "You are signed out on all devices.").await;
    app.assert_nothing_oversold().await;
    browser.close().await;
}
