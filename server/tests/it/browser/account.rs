//! Registering, signing in, and staying signed in: across reloads, tabs and expired tokens.

use chrono::Duration;
use rowlock_entities::refresh_token;
use sea_orm::{EntityTrait, PaginatorTrait};

use super::driver::{Browser, ENTER, TAB};
use crate::{app::App, database::Engine, demo::LIMITED_CONCERT};

/// How many refresh tokens were ever given: one at each sign-in and one at each refresh.
async fn refresh_tokens(app: &App) -> u64 {
    refresh_token::Entity::find().count(app.db()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_person_registers_and_is_greeted_where_they_came_from() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.go(&format!("{}/events?search=jazz", app.url)).await;
    browser.click_on_card("Jazz Night", "Book").await;
    browser.see_path("/sign-in?next=%2Fevents%3Fsearch%3Djazz").await;
    browser.click_on("Create an account").await;
    browser.see_path("/register?next=%2Fevents%3Fsearch%3Djazz").await;

    // Each field is criticised as it is left, and no sooner.
    for (field, text, problem) in [
        ("name", "A", "The name needs 2 characters or more."),
        ("email", "ada", "Please enter an email address, like ada@example.org."),
        ("password", "12345678", "The password needs a letter."),
        ("passwordAgain", "1234567", "The passwords don't match."),
    ] {
        let said = format!("#field-{field}-problem");
        browser.fill(field, text).await;
        assert_eq!(browser.ask(&inner_text(&said)).await, "", "{field}");
        browser.press(TAB).await;
        browser.see(&said, problem).await;
    }
    // What is sent all the same goes nowhere, and the first wrong field has the focus.
    browser.click("button[type=submit]").await;
    let focused = "return document.activeElement.name";
    browser.wait_for(focused, |name| *name == "name").await;

    browser.fill("name", "Nadia").await;
    browser.fill("email", "Ada@Example.org").await;
    browser.fill("password", "passw0rd").await;
    browser.fill("passwordAgain", "passw0rd").await;
    browser.press(ENTER).await;
    browser.see("#field-email-problem", "There is an account with this email already.").await;
    browser.fill("email", "nadia@example.org").await;
    browser.press(ENTER).await;
    browser.see(".who", "Nadia").await;
    browser.see_path("/events?search=jazz").await;

    // Who is signed in has no use for these.
    browser.go(&format!("{}/sign-in", app.url)).await;
    browser.see_path("/events").await;
    browser.close().await;
}

fn inner_text(css: &str) -> String {
    format!("return document.querySelector({css:?}).innerText")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_beside_the_field_and_the_right_one_goes_on() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(375, 800).await;
    browser.go(&format!("{}/bookings", app.url)).await;
    browser.see_path("/sign-in?next=%2Fbookings").await;
    browser.fill("email", "ada@example.org").await;
    browser.fill("password", "wrong-1").await;
    browser.press(ENTER).await;
    browser.see("#field-password-problem", "The email or the password is wrong.").await;
    browser.fill("password", "ada-demo-1").await;
    browser.press(ENTER).await;
    browser.see_path("/bookings").await;
    browser.see(".notice", "You haven't booked any events yet.").await;

    // The address may lead on within the site only.
    browser.click_on("Sign out").await;
    browser.see(".toast", "You are signed out.").await;
    browser.go(&format!("{}/sign-in?next=//example.org/", app.url)).await;
    browser.submit_sign_in("Ada").await;
    browser.see_path("/events").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_keeps_the_session_by_one_refresh_and_stores_no_token() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    // Who has no session is not asked for one.
    browser.go(&app.url).await;
    browser.see(".found", "12 events").await;
    assert_eq!(refresh_tokens(&app).await, 0);

    browser.sign_in(&app.url, "Ada").await;
    assert_eq!(refresh_tokens(&app).await, 1);
    browser.go(&format!("{}/bookings", app.url)).await;
    browser.see(".who", "Ada").await;
    browser.see(".notice", "You haven't booked any events yet.").await;
    assert_eq!(refresh_tokens(&app).await, 2);

    let stored = "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])";
    let stored = browser.ask(stored).await;
    let stored = stored.as_str().unwrap();
    // A JSON Web Token begins so.
    assert!(!stored.contains("eyJ") && !stored.contains("rowlock_refresh"), "{stored}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_access_token_is_renewed_once_for_every_tab() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    let first = browser.new_tab().await;
    browser.go(&format!("{}/events/{LIMITED_CONCERT}", app.url)).await;
    browser.see(".who", "Ada").await;
    let second = browser.page.window().await.unwrap();
    let before = refresh_tokens(&app).await;
    app.clock.advance(Duration::minutes(16));

    browser.click_on("Book").await;
    browser.see(".toast", "Successfully booked Limited Concert!").await;
    browser.switch_to(&first).await;
    browser.click_on_card("Jazz Night", "Book").await;
    browser.see(".toast", "Successfully booked Jazz Night!").await;
    assert_eq!(refresh_tokens(&app).await - before, 1);

    // At once in both, and for two operations in one: all wait for the same refresh.
    for tab in [&second, &first] {
        browser.switch_to(tab).await;
        browser.slow_down("refresh", 3_000).await;
    }
    app.clock.advance(Duration::minutes(16));
    let book = "[...document.querySelectorAll('.book:not(.booked)')].slice(0, 2)
        .forEach(button => button.click())";
    browser.ask(book).await;
    browser.switch_to(&second).await;
    browser.click_on("My bookings").await;
    assert_eq!(browser.ask("return window.late").await, 0);
    browser.see(".booking", "Jazz Night").await;
    browser.switch_to(&first).await;
    browser.see(".toast", "Successfully booked").await;
    browser.wait_for("return document.querySelectorAll('.booked').length", |n| *n == 4).await;
    assert_eq!(refresh_tokens(&app).await - before, 2);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_leads_to_the_sign_in_and_back() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.go(&format!("{}/events?search=jazz", app.url)).await;
    browser.see(".who", "Ada").await;
    browser.see(".found", "1 event").await;
    app.clock.advance(Duration::days(8));
    browser.click_on_card("Jazz Night", "Book").await;
    browser.see(".toast", "Your session has ended. Please sign in again.").await;
    browser.see_path("/sign-in?next=%2Fevents%3Fsearch%3Djazz").await;
    browser.submit_sign_in("Ada").await;
    browser.see_path("/events?search=jazz").await;
    browser.click_on_card("Jazz Night", "Book").await;
    browser.see(".toast", "Successfully booked Jazz Night!").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_from_the_sign_in_is_the_page_before_it() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.go(&app.url).await;
    browser.click_on("Jazz Night").await;
    browser.see("h1", "Jazz Night").await;
    browser.click_on("Events").await;
    browser.see_path("/events").await;
    browser.click_on("My bookings").await;
    browser.see_path("/sign-in?next=%2Fbookings").await;
    browser.page.back().await.unwrap();
    browser.see_path("/events").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_a_page_that_waits_for_an_answer_breaks_nothing() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.go(&format!("{}/sign-in", app.url)).await;
    browser.fill("email", "ada@example.org").await;
    browser.fill("password", "wrong-1").await;
    browser.slow_down("login", 1_000).await;
    browser.press(ENTER).await;
    browser.click_on("Events").await;
    browser.see(".found", "12 events").await;
    browser.see_late(1).await;

    browser.sign_in(&app.url, "Ada").await;
    browser.click_on_card("Jazz Night", "Book").await;
    browser.see(".booked", "Booked").await;
    browser.click_on("My bookings").await;
    browser.slow_down("cancelBooking", 1_000).await;
    browser.click_on("Cancel booking").await;
    browser.click("dialog[open] .button-danger").await;
    browser.page.back().await.unwrap();
    browser.see(".found", "12 events").await;
    browser.see(".toast", "Your booking for Jazz Night is cancelled.").await;
    browser.fill("search", "jazz").await;
    browser.see(".found", "1 event").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_in_one_tab_signs_out_the_others() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    let first = browser.new_tab().await;
    browser.go(&format!("{}/bookings", app.url)).await;
    browser.see(".who", "Ada").await;
    let second = browser.page.window().await.unwrap();

    browser.switch_to(&first).await;
    browser.click_on("Sign out").await;
    browser.see(".account", "Sign in").await;
    browser.switch_to(&second).await;
    browser.see(".account", "Sign in").await;
    browser.see_path("/sign-in?next=%2Fbookings").await;

    // Signing in again in one signs in the other, which goes on to what it was asked for.
    browser.switch_to(&first).await;
    browser.sign_in(&app.url, "Grace").await;
    browser.switch_to(&second).await;
    browser.see(".who", "Grace").await;
    browser.see_path("/bookings").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_everywhere_ends_the_session_of_another_browser() {
    let app = App::start(Engine::Sqlite).await;
    let (here, there) = (Browser::start(1280, 900).await, Browser::start(1280, 900).await);
    here.sign_in(&app.url, "Ada").await;
    there.sign_in(&app.url, "Ada").await;
    here.go(&format!("{}/bookings", app.url)).await;
    here.click_on("Sign out everywhere").await;
    here.see(".toast", "You are signed out on all devices.").await;
    here.see(".account", "Sign in").await;
    there.go(&format!("{}/bookings", app.url)).await;
    there.see_path("/sign-in?next=%2Fbookings").await;
    there.see(".account", "Sign in").await;
    there.close().await;
    here.close().await;
}
