//! Registering, signing in, and staying signed in across reloads, tabs and expired tokens.

use super::driver::{Browser, ENTER, TAB};
use crate::{
    app::App,
    database::Engine,
    demo::{JAZZ_NIGHT, LIMITED_CONCERT},
};
use chrono::Duration;
use serde_json::json;

/// Whether a button for booking has the focus.
const BUTTON_HAS_FOCUS: &str = "return document.activeElement.classList.contains('book')";

/// The number of refreshes that the server has answered.
async fn count_refreshes(app: &App) -> u64 {
    let metrics = app.metrics().await;
    let counts = metrics.lines().filter(|line| {
        line.starts_with("rowlock_requests_total{") && line.contains("operation=\"refresh\"")
    });
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_registers_and_returns_to_the_page_they_came_from() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/events?search=jazz", app.url)).await;
    browser.click_on_card("Jazz Night", "Book now").await;
    browser.expect_path("/sign-in?next=%2Fevents%3Fsearch%3Djazz").await;
    browser.click_label("Create account").await;
    browser.expect_path("/register?next=%2Fevents%3Fsearch%3Djazz").await;

    // A field shows its problem when it loses the focus, and not earlier.
    for (field, text, problem) in [
        ("name", "1", "The name needs a letter."),
        ("email", "ada", "Please enter an email address, like ada@example.org."),
        ("password", "12345678", "The password needs a letter."),
    ] {
        let problem_element = format!("#field-{field}-problem");
        browser.fill(field, text).await;
        assert_eq!(browser.evaluate(&inner_text_script(&problem_element)).await, "", "{field}");
        browser.press(TAB).await;
        browser.expect_text(&problem_element, problem).await;
    }
    // An invalid form is not sent, and its first wrong field gets the focus.
    browser.click("button[type=submit]").await;
    let focused = "return document.activeElement.name";
    browser.wait_for(focused, |name| *name == "name").await;

    browser.fill("name", "Nadia").await;
    browser.fill("email", "Ada@Example.org").await;
    browser.fill("password", "passw0rd").await;
    browser.press(ENTER).await;
    browser
        .expect_text("#field-email-problem", "There is already an account with this email.")
        .await;
    browser.fill("email", "nadia@example.org").await;
    browser.press(ENTER).await;
    browser.expect_text(".who", "Nadia").await;
    browser.expect_path("/events?search=jazz").await;

    // A user who is signed in does not see the sign-in form.
    browser.open(&format!("{}/sign-in", app.url)).await;
    browser.expect_path("/events").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_field_of_a_form_has_the_focus_when_the_page_opens() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(375, 800).await;
    // Screen readers announce the name of the form that the focus moves into.
    let focused =
        "const field = document.activeElement; return [field.name, field.form?.ariaLabel]";
    let expect_focus = async |field: &str, form: &str| {
        browser.wait_for(focused, |found| *found == json!([field, form])).await;
    };
    browser.open(&format!("{}/sign-in", app.url)).await;
    expect_focus("email", "Sign in").await;
    browser.click(".form-alternative a").await;
    expect_focus("name", "Create account").await;
    assert_eq!(browser.evaluate("return document.title").await, "Create account · Rowlock");
    // To leave the field without a text is no mistake.
    assert_eq!(browser.evaluate("return scrollY").await, 0);
    browser.press(TAB).await;
    expect_focus("email", "Create account").await;
    assert_eq!(browser.evaluate(&inner_text_script("#field-name-problem")).await, "");
    browser.page.back().await.unwrap();
    expect_focus("email", "Sign in").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_can_be_shown_while_it_is_typed() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(375, 800).await;
    let field = "const field = document.querySelector('#field-password');";
    let place = format!("{field} return JSON.stringify(field.getBoundingClientRect())");
    let typing = format!("{field} return [field.type, field.value, field.selectionStart]");
    let is_pressed = "return document.querySelector('.show-password').ariaPressed";
    for page in ["sign-in", "register"] {
        browser.open(&format!("{}/{page}", app.url)).await;
        browser.fill("password", "secret").await;
        assert_eq!(browser.evaluate(is_pressed).await, "false", "{page}");
        let before = browser.evaluate(&place).await;
        browser.evaluate(&format!("{field} field.setSelectionRange(3, 3)")).await;
        browser.click(".show-password").await;
        browser.wait_for(is_pressed, |pressed| *pressed == "true").await;
        assert_eq!(browser.evaluate(&typing).await, json!(["text", "secret", 3]), "{page}");
        assert_eq!(browser.evaluate(&place).await, before, "{page}");
        // The field still has the focus, so typing goes on where it was.
        browser.press("-").await;
        browser.click(".show-password").await;
        browser.wait_for(is_pressed, |pressed| *pressed == "false").await;
        assert_eq!(browser.evaluate(&typing).await, json!(["password", "sec-ret", 4]), "{page}");
        assert_eq!(browser.evaluate(&place).await, before, "{page}");
    }

    // With the keyboard, the button comes after the field.
    browser.press(TAB).await;
    browser.press(ENTER).await;
    browser.wait_for(is_pressed, |pressed| *pressed == "true").await;
    browser.expect_path("/register").await;
    browser.close().await;
}

fn inner_text_script(css: &str) -> String {
    format!("return document.querySelector({css:?}).innerText")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_shows_an_error_and_the_right_one_leads_to_the_requested_page() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(375, 800).await;
    browser.open(&format!("{}/bookings", app.url)).await;
    browser.expect_path("/sign-in?next=%2Fbookings").await;
    browser.fill("email", "ada@example.org").await;
    browser.fill("password", "wrong-1").await;
    browser.press(ENTER).await;
    browser.expect_text("#field-password-problem", "The email or the password is wrong.").await;
    browser.fill("password", "ada-demo-1").await;
    browser.press(ENTER).await;
    browser.expect_path("/bookings").await;
    browser.expect_text(".notice", "You haven't booked any events yet.").await;

    // After signing in, `next` can lead only to pages of this site.
    browser.click_label("Sign out").await;
    browser.expect_text(".toast", "You are signed out.").await;
    browser.open(&format!("{}/sign-in?next=//example.org/", app.url)).await;
    browser.submit_sign_in("Ada").await;
    browser.expect_path("/events").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_keeps_the_session_with_one_refresh_and_stores_no_token() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    // A visitor without a session sends no refresh.
    browser.open(&app.url).await;
    browser.expect_text(".found", "12 events").await;
    assert_eq!(count_refreshes(&app).await, 0);

    browser.sign_in(&app.url, "Ada").await;
    assert_eq!(count_refreshes(&app).await, 0);
    browser.open(&format!("{}/bookings", app.url)).await;
    browser.expect_text(".who", "Ada").await;
    browser.expect_text(".notice", "You haven't booked any events yet.").await;
    assert_eq!(count_refreshes(&app).await, 1);

    let stored = "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])";
    let stored = browser.evaluate(stored).await;
    let stored = stored.as_str().unwrap();
    // A JSON Web Token begins with these letters.
    assert!(!stored.contains("eyJ") && !stored.contains("rowlock_refresh"), "{stored}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_access_token_is_refreshed_once_for_all_tabs() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    let first = browser.new_tab().await;
    browser.open(&format!("{}/events/{LIMITED_CONCERT}", app.url)).await;
    browser.expect_text(".who", "Ada").await;
    let second = browser.page.window().await.unwrap();
    let before = count_refreshes(&app).await;
    app.clock.advance(Duration::minutes(16));

    browser.click_book().await;
    browser.expect_text(".toast", "Successfully booked Limited Concert!").await;
    browser.switch_to(&first).await;
    browser.click_on_card("Jazz Night", "Book now").await;
    browser.expect_text(".toast", "Successfully booked Jazz Night!").await;
    assert_eq!(count_refreshes(&app).await - before, 1);

    // Both tabs book at once, one of them twice. All three requests wait for the same refresh.
    for tab in [&second, &first] {
        browser.switch_to(tab).await;
        browser.delay_answers("refresh", 3_000).await;
    }
    app.clock.advance(Duration::minutes(16));
    let book = "[...document.querySelectorAll('.book:not(.booked)')].slice(0, 2)
        .forEach(button => button.click())";
    browser.evaluate(book).await;
    browser.switch_to(&second).await;
    browser.click_label("Jazz Night").await;
    assert_eq!(browser.evaluate("return window.delayedAnswers").await, 0);
    browser.expect_text(".yours", "You have 1 ticket.").await;
    browser.switch_to(&first).await;
    browser.expect_text(".toast", "Successfully booked").await;
    browser.wait_for("return document.querySelectorAll('.booked').length", |n| *n == 4).await;
    assert_eq!(count_refreshes(&app).await - before, 2);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_leads_to_the_sign_in_page_and_back() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&format!("{}/events?search=jazz", app.url)).await;
    browser.expect_text(".who", "Ada").await;
    browser.expect_text(".found", "1 event").await;
    app.clock.advance(Duration::days(8));
    browser.click_on_card("Jazz Night", "Book now").await;
    browser.expect_text(".toast", "Your session has ended. Please sign in again.").await;
    browser.expect_path("/sign-in?next=%2Fevents%3Fsearch%3Djazz").await;
    browser.submit_sign_in("Ada").await;
    browser.expect_path("/events?search=jazz").await;
    browser.click_on_card("Jazz Night", "Book now").await;
    browser.expect_text(".toast", "Successfully booked Jazz Night!").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_from_the_sign_in_page_shows_the_page_before_it() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&app.url).await;
    browser.click_label("Jazz Night").await;
    browser.expect_text("h1", "Jazz Night").await;
    browser.click_label("Events").await;
    browser.expect_path("/events").await;
    browser.click_label("My bookings").await;
    browser.expect_path("/sign-in?next=%2Fbookings").await;
    browser.page.back().await.unwrap();
    browser.expect_path("/events").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_a_page_that_waits_for_an_answer_causes_no_error() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/sign-in", app.url)).await;
    browser.fill("email", "ada@example.org").await;
    browser.fill("password", "wrong-1").await;
    browser.delay_answers("login", 1_000).await;
    browser.press(ENTER).await;
    browser.click_label("Events").await;
    browser.expect_text(".found", "12 events").await;
    browser.wait_for_delayed_answers(1).await;

    browser.sign_in(&app.url, "Ada").await;
    browser.click_on_card("Jazz Night", "Book now").await;
    browser.expect_text(".booked", "Booked").await;
    browser.click_label("My bookings").await;
    browser.delay_answers("cancelBooking", 1_000).await;
    browser.click_label("Cancel booking").await;
    browser.click("dialog[open] .button-danger").await;
    browser.page.back().await.unwrap();
    browser.expect_text(".found", "12 events").await;
    browser.fill("search", "jazz").await;
    browser.expect_text(".found", "1 event").await;
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_in_one_tab_signs_out_the_others() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    let first = browser.new_tab().await;
    browser.open(&format!("{}/bookings", app.url)).await;
    browser.expect_text(".who", "Ada").await;
    let second = browser.page.window().await.unwrap();

    browser.switch_to(&first).await;
    browser.click_label("Sign out").await;
    browser.expect_text(".account", "Sign in").await;
    browser.switch_to(&second).await;
    browser.expect_text(".account", "Sign in").await;
    browser.expect_path("/sign-in?next=%2Fbookings").await;

    // Signing in again in one tab also signs in the other, which returns to its page.
    browser.switch_to(&first).await;
    browser.sign_in(&app.url, "Grace").await;
    browser.switch_to(&second).await;
    browser.expect_text(".who", "Grace").await;
    browser.expect_path("/bookings").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_everywhere_ends_the_session_of_another_browser() {
    let app = App::start(Engine::Sqlite).await;
    let (first_browser, second_browser) =
        (Browser::start(1280, 900).await, Browser::start(1280, 900).await);
    first_browser.sign_in(&app.url, "Ada").await;
    second_browser.sign_in(&app.url, "Ada").await;
    first_browser.open(&format!("{}/bookings", app.url)).await;
    first_browser.click_label("Sign out everywhere").await;
    first_browser.expect_text(".toast", "You are signed out on all devices.").await;
    first_browser.expect_text(".account", "Sign in").await;
    second_browser.open(&format!("{}/bookings", app.url)).await;
    second_browser.expect_path("/sign-in?next=%2Fbookings").await;
    second_browser.expect_text(".account", "Sign in").await;
    second_browser.close().await;
    first_browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chosen_number_of_tickets_survives_the_sign_in_which_says_what_will_be_booked() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let chosen = "return document.querySelector('#quantity')?.value ?? null";
    let page = format!("/events/{JAZZ_NIGHT}?quantity=3");
    let next = format!("?next=%2Fevents%2F{JAZZ_NIGHT}%3Fquantity%3D3");
    let intent = "Jazz Night: 3 × $35.00 = $105.00";

    browser.open(&format!("{}/events/{JAZZ_NIGHT}", app.url)).await;
    browser.expect_text(".badge", "80 tickets left").await;
    browser.choose("#quantity", "3").await;
    browser.click_book().await;
    browser.expect_path(&format!("/sign-in{next}")).await;
    browser.expect_text(".intent", intent).await;
    browser.click_label("Create account").await;
    browser.expect_path(&format!("/register{next}")).await;
    browser.expect_text(".intent", intent).await;
    browser.page.refresh().await.unwrap();
    browser.expect_text(".intent", intent).await;
    browser.click_label("Sign in").await;
    browser.expect_path(&format!("/sign-in{next}")).await;
    // The links in the header keep the way back, too.
    browser.click(".account [href^='/register']").await;
    browser.expect_path(&format!("/register{next}")).await;
    for (field, text) in
        [("name", "Nadia"), ("email", "nadia@example.org"), ("password", "passw0rd")]
    {
        browser.fill(field, text).await;
    }
    browser.press(ENTER).await;
    browser.expect_text(".who", "Nadia").await;
    browser.expect_path(&page).await;
    browser.wait_for(chosen, |quantity| *quantity == "3").await;
    browser.expect_text(".total", "$105.00").await;
    // The button has the focus, as it had before.
    browser.wait_for(BUTTON_HAS_FOCUS, |has_focus| *has_focus == true).await;
    browser.press(ENTER).await;
    browser.expect_text(".yours", "You have 3 tickets.").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_on_a_telephone_leads_back_to_the_button_of_the_bar() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(375, 667).await;
    browser.open(&format!("{}/events/{JAZZ_NIGHT}?quantity=3", app.url)).await;
    browser.expect_text(".buy-bar", "$105.00 · 80 left").await;
    browser.click_book().await;
    browser.expect_text(".intent", "Jazz Night: 3 × $35.00 = $105.00").await;
    browser.submit_sign_in("Ada").await;
    browser.expect_path(&format!("/events/{JAZZ_NIGHT}?quantity=3")).await;
    let focused = "return document.activeElement.matches('.buy-bar .book')";
    browser.wait_for(focused, |is_focused| *is_focused == true).await;
    browser.press(ENTER).await;
    // Whoever has booked sees it at once.
    browser.expect_text(".yours", "You have 3 tickets.").await;
    browser.expect_text(".paid", "3 × $35.00 = $105.00").await;
    let in_sight =
        "const { top, bottom } = document.querySelector('#going').getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight && document.activeElement.id === 'going'";
    browser.wait_for(in_sight, |in_sight| *in_sight == true).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_for_a_booking_in_the_list_leads_back_to_the_list_as_it_was() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(375, 700).await;
    browser.open(&app.url).await;
    browser.expect_text(".found", "12 events").await;
    let scroll = "[...document.querySelectorAll('.card h2')]
        .find(title => title.innerText === 'Jazz Night')?.scrollIntoView(); return scrollY";
    let scrolled = browser.wait_for(scroll, |scrolled| scrolled.as_f64() > Some(0.0)).await;
    browser.click_on_card("Jazz Night", "Book now").await;
    browser.expect_path("/sign-in").await;
    browser.expect_text(".intent", "Jazz Night: 1 ticket, $35.00").await;
    browser.submit_sign_in("Ada").await;
    browser.expect_path("/events").await;
    browser.wait_for(BUTTON_HAS_FOCUS, |has_focus| *has_focus == true).await;
    let card = "return document.activeElement.closest('.card').querySelector('h2').innerText";
    assert_eq!(browser.evaluate(card).await, "Jazz Night");
    browser.wait_for("return scrollY", |found| *found == scrolled).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_for_anything_else_says_nothing_about_a_booking() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/events?search=jazz", app.url)).await;
    browser.click_on_card("Jazz Night", "Book now").await;
    browser.expect_text(".intent", "Jazz Night: 1 ticket, $35.00").await;
    browser.click_label("My bookings").await;
    browser.expect_path("/sign-in?next=%2Fbookings").await;
    browser.expect_none(".intent").await;

    // Whoever has left the form before does not book any more.
    browser.open(&format!("{}/events?search=jazz", app.url)).await;
    browser.click_on_card("Jazz Night", "Book now").await;
    browser.expect_text(".intent", "Jazz Night").await;
    browser.page.back().await.unwrap();
    browser.expect_text(".card h2", "Jazz Night").await;
    browser.click(".account [href^='/sign-in']").await;
    browser.expect_path("/sign-in?next=%2Fevents%3Fsearch%3Djazz").await;
    browser.expect_text("h1", "Sign in").await;
    browser.expect_none(".intent").await;
    browser.submit_sign_in("Ada").await;
    browser.expect_text(".who", "Ada").await;
    browser.expect_text(".card h2", "Jazz Night").await;
    browser.wait_for("return document.activeElement.tagName", |name| *name == "H1").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_through_the_header_leads_back_to_the_event() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let page = format!("/events/{JAZZ_NIGHT}?quantity=2");
    browser.open(&format!("{}{page}", app.url)).await;
    browser.expect_text(".total", "$70.00").await;
    browser.click(".account [href^='/sign-in']").await;
    browser.submit_sign_in("Ada").await;
    browser.expect_path(&page).await;
    browser.expect_text(".total", "$70.00").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_tickets_that_makes_no_sense_counts_as_absent() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(768, 900).await;
    let chosen = "return document.querySelector('#quantity')?.value ?? null";
    for (query, quantity) in [
        ("quantity=4", "4"),
        ("quantity=0", "1"),
        ("quantity=-2", "1"),
        ("quantity=11", "1"),
        ("quantity=2.5", "1"),
        ("quantity=%3Cscript%3E", "1"),
        ("quantity", "1"),
    ] {
        browser.open(&format!("{}/events/{JAZZ_NIGHT}?{query}", app.url)).await;
        let found = browser.wait_for(chosen, |found| found.is_string()).await;
        assert_eq!(found, quantity, "{query}");
    }
    // No more are chosen than are left.
    browser.open(&format!("{}/events/{LIMITED_CONCERT}?quantity=3", app.url)).await;
    browser.expect_text(".badge", "2 tickets left").await;
    browser.wait_for(chosen, |quantity| *quantity == "2").await;
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
    browser.close().await;
}
