//! Confirming an address, and a forgotten password.

use super::{
    accessibility::{check_page, check_view},
    driver::{Browser, ENTER},
};
use crate::{app::App, database::Engine, demo::JAZZ_NIGHT, mail_files::last_mail_to};

const EMAIL: &str = "nadia@example.org";

/// Registers through the form, which the browser must show.
async fn register(browser: &Browser) {
    browser.fill("name", "Nadia").await;
    browser.fill("email", EMAIL).await;
    browser.fill("password", "passw0rd").await;
    browser.press(ENTER).await;
    browser.expect_text(".who", "Nadia").await;
    let told = "We have sent a mail to nadia@example.org. Open its link to confirm the address.";
    browser.expect_text(".toast", told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_address_is_confirmed_by_the_link_in_its_mail() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/register?next=/bookings", app.url)).await;
    register(&browser).await;
    browser.expect_text(".quiet-notice", "Please confirm your address").await;
    browser.click_label("Send the mail again").await;
    browser.expect_text(".toast", "We have sent the mail to nadia@example.org again.").await;
    let link = format!(
        "{}/verify-email#token={}",
        app.url,
        last_mail_to(&app, EMAIL).await.token("verify-email")
    );
    browser.open(&link).await;
    browser.expect_text(".notice", "Your address is confirmed.").await;
    check_view(&browser, "verify-email").await;
    browser.click(".notice .button").await;
    browser.expect_path("/bookings").await;
    browser.expect_text(".notice", "You haven't booked any events yet.").await;
    browser.expect_none(".quiet-notice").await;

    // The link is good once.
    browser.open(&link).await;
    browser.page.refresh().await.unwrap();
    browser.expect_text(".notice", "This link is not good any more.").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_replaced_by_the_link_in_a_mail() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(375, 812).await;
    browser.open(&format!("{}/sign-in", app.url)).await;
    browser.fill("email", "ada+tickets@example.org").await;
    browser.click_label("Forgot your password?").await;
    browser.expect_path("/forgot-password").await;
    let typed = "return document.querySelector('[name=email]')?.value";
    browser.wait_for(typed, |typed| *typed == "ada+tickets@example.org").await;
    let mut answers = Vec::new();
    for email in ["ada@example.org", "nobody@example.org"] {
        browser.fill("email", email).await;
        browser.press(ENTER).await;
        browser.expect_text(".notice", "a mail with a link is on its way").await;
        let said = browser.evaluate("return document.querySelector('.notice').innerText").await;
        answers.push(said.as_str().unwrap().replace(email, "EMAIL"));
        check_view(&browser, "forgot-password-sent").await;
        browser.click_label("Send another mail").await;
    }
    assert_eq!(answers[0], answers[1], "nobody learns who has an account");

    let token = last_mail_to(&app, "ada@example.org").await.token("reset-password");
    let link = format!("{}/reset-password#token={token}", app.url);
    browser.open(&link).await;
    browser.fill("newPassword", "short").await;
    browser.press(ENTER).await;
    browser.expect_text("#field-newPassword-problem", "8 characters or more").await;
    browser.fill("newPassword", "another-1").await;
    browser.press(ENTER).await;
    browser.expect_path("/bookings").await;
    browser.expect_text(".toast", "Your new password is set, and you are signed in.").await;
    browser.expect_text(".who", "Ada").await;

    browser.open("about:blank").await;
    browser.open(&link).await;
    browser.fill("newPassword", "another-2").await;
    browser.press(ENTER).await;
    browser.expect_text(".notice", "This link is not good any more.").await;
    check_view(&browser, "reset-password-again").await;
    browser.click(".notice .button").await;
    browser.expect_path("/forgot-password").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_mails_fit_every_screen_and_are_accessible() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    for (name, path, shown) in [
        ("forgot-password", "/forgot-password", "form"),
        ("reset-password", "/reset-password#token=x", "form"),
        ("reset-password-without-token", "/reset-password", ".notice"),
        ("verify-email-without-token", "/verify-email", ".notice"),
    ] {
        browser.open("about:blank").await;
        check_page(&browser, &app, name, path, shown).await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_confirm_the_address_to_book_is_told_so() {
    let app = App::start_with(Engine::Sqlite, &["--require-verified-email=true"]).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/register?next=/events/{JAZZ_NIGHT}", app.url)).await;
    register(&browser).await;
    browser.click_book().await;
    browser.expect_text(".toast-bad", "mail").await;
    browser.click_label("Send the mail again").await;
    browser.expect_text(".toast", "We have sent the mail again.").await;
    assert_eq!(app.remaining_tickets(JAZZ_NIGHT).await, 80);
    let token = last_mail_to(&app, EMAIL).await.token("verify-email");
    browser.open(&format!("{}/verify-email#token={token}", app.url)).await;
    browser.expect_text(".notice", "Your address is confirmed.").await;
    browser.click_label("Back to Jazz Night").await;
    browser.click_book().await;
    browser.expect_text(".yours", "You have 1 ticket.").await;
    browser.close().await;
}
