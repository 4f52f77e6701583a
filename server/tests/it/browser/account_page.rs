//! The page of the user's own account.

use serde_json::json;

use super::{
    accessibility::check_view,
    driver::{Browser, TAB},
};
use crate::{
    app::App,
    database::Engine,
    demo::{JAZZ_NIGHT, LOG_IN_AS_ADA},
    mail_files::last_mail_to,
};

/// The password that Ada has in the demo data.
const PASSWORD: &str = "ada-demo-1";

/// Signs Ada in and opens her account.
async fn open_account(app: &App) -> Browser {
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.click(".who").await;
    browser.expect_path("/account").await;
    browser.expect_text(".setting-value", "ada@example.org").await;
    browser
}

/// Whether somebody can sign in with these.
async fn can_sign_in(app: &App, email: &str, password: &str) -> bool {
    let login = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
    let input = json!({ "email": email, "password": password });
    let answer = app.send(None, login, json!({ "input": input })).await;
    answer.get("errors").is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn name_and_reminders_are_changed() {
    let app = App::start(Engine::Sqlite).await;
    let browser = open_account(&app).await;
    check_view(&browser, "account").await;
    browser.fill("name", "1").await;
    browser.press(TAB).await;
    browser.expect_text("#field-name-problem", "The name needs a letter.").await;
    browser.fill("name", "Ada King").await;
    browser.click_label("Save name").await;
    browser.expect_text(".toast", "Your name is saved.").await;
    browser.expect_text(".who", "Ada King").await;

    browser.click("[role=switch]").await;
    browser.expect_text(".toast", "You will get no more reminders.").await;
    browser.page.refresh().await.unwrap();
    browser.expect_text(".who", "Ada King").await;
    let is_on = "return document.querySelector('[role=switch]')?.checked ?? null";
    browser.wait_for(is_on, |is_on| *is_on == false).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_changed_by_who_knows_it_and_other_devices_are_signed_out() {
    let app = App::start(Engine::Sqlite).await;
    app.data(None, LOG_IN_AS_ADA, json!({})).await;
    let browser = open_account(&app).await;
    browser.expect_text(".devices", "This device").await;
    let rows = "return document.querySelectorAll('.devices li').length";
    browser.wait_for(rows, |rows| *rows == 2).await;
    browser.fill("currentPassword", "wrong-1").await;
    browser.fill("newPassword", "another-1").await;
    browser.click_label("Change password").await;
    browser.expect_text("#field-currentPassword-problem", "The password is wrong.").await;
    let focused = "return document.activeElement.name";
    browser.wait_for(focused, |name| *name == "currentPassword").await;
    browser.fill("currentPassword", PASSWORD).await;
    browser.click_label("Change password").await;
    browser.expect_text(".toast", "Your password is changed.").await;
    browser.wait_for(rows, |rows| *rows == 1).await;
    assert!(!can_sign_in(&app, "ada@example.org", PASSWORD).await);
    assert!(can_sign_in(&app, "ada@example.org", "another-1").await);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_changed_once_the_link_in_its_mail_is_opened() {
    let app = App::start(Engine::Sqlite).await;
    let browser = open_account(&app).await;
    browser.fill("newEmail", "king@example.org").await;
    browser.fill("password", PASSWORD).await;
    browser.click_label("Change email").await;
    browser.expect_text(".toast", "We have sent a mail to king@example.org.").await;
    browser.expect_text(".quiet-notice", "Your address becomes king@example.org").await;
    browser.expect_text(".setting-value", "ada@example.org").await;
    let token = last_mail_to(&app, "king@example.org").await.token("verify-email");
    browser.open(&format!("{}/verify-email#token={token}", app.url)).await;
    browser.expect_text(".notice", "king@example.org is the address of your account.").await;
    browser.click(".who").await;
    browser.expect_text(".setting-value", "king@example.org").await;
    browser.expect_text(".setting-value .badge", "Verified").await;
    browser.expect_none(".quiet-notice").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_on_another_device_is_ended() {
    let app = App::start(Engine::Sqlite).await;
    let login = LOG_IN_AS_ADA;
    let elsewhere = app.request(None, login, json!({}));
    let firefox =
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:146.0) Gecko/20100101 Firefox/146.0";
    elsewhere.header("user-agent", firefox).send().await.unwrap();
    let browser = open_account(&app).await;
    browser.expect_text(".devices", "Firefox on Windows").await;
    browser.click("[aria-label='End the session of Firefox on Windows']").await;
    browser.expect_text(".toast", "Firefox on Windows is signed out.").await;
    browser.expect_none(".devices li:nth-child(2)").await;
    let focused = "return document.activeElement.id";
    browser.wait_for(focused, |id| *id == "devices").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_for_calendars_is_created_replaced_and_removed() {
    let app = App::start(Engine::Sqlite).await;
    let browser = open_account(&app).await;
    let url = "return document.querySelector('#calendar-url')?.value ?? null";
    browser.click_label("Create the address").await;
    let first = browser.wait_for(url, |url| !url.is_null()).await;
    assert!(first.as_str().unwrap().ends_with(".ics"), "{first}");
    browser.click_label("Replace").await;
    browser.expect_text(".toast", "The one before has stopped working.").await;
    let second = browser.wait_for(url, |url| *url != first).await;
    assert!(second.as_str().unwrap().ends_with(".ics"), "{second}");
    browser.click_label("Remove").await;
    browser.expect_text(".toast", "The address has stopped working.").await;
    browser.expect_none("#calendar-url").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_data_is_downloaded_as_a_file() {
    let app = App::start(Engine::Sqlite).await;
    let browser = open_account(&app).await;
    let keep = "window.downloads = [];
        const create = URL.createObjectURL;
        URL.createObjectURL = file => {
            file.text().then(text => window.downloads.push(text));
            return create(file);
        };
        HTMLAnchorElement.prototype.click = function () { window.downloads.push(this.download); };";
    browser.evaluate(keep).await;
    browser.click_label("Download my data").await;
    let is_complete = |found: &serde_json::Value| found.as_array().map(Vec::len) == Some(2);
    let downloads = browser.wait_for("return window.downloads", is_complete).await.to_string();
    assert!(downloads.contains("rowlock-account.json"), "{downloads}");
    assert!(downloads.contains("ada@example.org"), "{downloads}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_is_gone_with_its_coming_bookings() {
    let app = App::start(Engine::Sqlite).await;
    let registered = "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }";
    let input = json!({ "name": "Nadia", "email": "nadia@example.org", "password": "passw0rd" });
    let nadia = app.data(None, registered, json!({ "input": input })).await;
    app.book(nadia["register"]["accessToken"].as_str().unwrap(), JAZZ_NIGHT, 2).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/sign-in?next=/account", app.url)).await;
    browser.fill("email", "nadia@example.org").await;
    browser.fill("password", "passw0rd").await;
    browser.click("button[type=submit]").await;
    browser.click_label("Delete my account…").await;
    browser.expect_text("dialog[open]", "Your coming bookings are cancelled").await;
    check_view(&browser, "delete-account").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_text("#field-passwordToDelete-problem", "Please enter your password.").await;
    browser.fill("passwordToDelete", "wrong-1").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_text("#field-passwordToDelete-problem", "The password is wrong.").await;
    assert_eq!(app.remaining_tickets(JAZZ_NIGHT).await, 78);
    browser.fill("passwordToDelete", "passw0rd").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_path("/events").await;
    browser.expect_text(".toast", "Your account is deleted.").await;
    browser.expect_none(".who").await;
    assert!(!can_sign_in(&app, "nadia@example.org", "passw0rd").await);
    browser.expect_text(".card", "80 tickets left").await;
    browser.close().await;
}
