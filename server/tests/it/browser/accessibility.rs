//! The pages fit every screen, and people can use them with a keyboard or a screen reader.

use chrono::{Duration, Utc};
use serde_json::json;

use super::{
    driver::{Browser, ENTER, TAB},
    lost_answers::LET_A_MINUTE_PASS,
};
use crate::{
    app::App,
    database::Engine,
    demo::{CHESS_MASTERCLASS, JAZZ_NIGHT, LIMITED_CONCERT},
    managed_events::{Host, cancel_event},
};

/// Describes the accessibility violations that axe finds on the current page.
async fn axe_violations(browser: &Browser) -> String {
    let script = std::env::var("TEST_AXE_SCRIPT")
        .expect("TEST_AXE_SCRIPT is not set to the script of axe-core: run `cargo xtask test`");
    browser.evaluate(&std::fs::read_to_string(script).unwrap()).await;
    let run = "const done = arguments[arguments.length - 1];
        axe.run().then(found => done(found.violations.flatMap(violation => violation.nodes.map(
            node => `${violation.id}: ${node.target}: ${node.failureSummary}`)).join('\\n')),
            error => done(`axe failed: ${error}`));";
    let found = browser.page.execute_async(run, vec![]).await.unwrap();
    found.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_every_screen_and_is_accessible() {
    let app = App::start(Engine::Sqlite).await;
    // The list has badges of every colour.
    for (event, tickets) in [(LIMITED_CONCERT, 2), (CHESS_MASTERCLASS, 7)] {
        let buyer = app.user().await;
        app.book(&buyer, event, tickets).await;
    }
    let encore = app
        .event_with(|event| {
            event.title = "Encore".to_owned();
            event.title_key = "encore".to_owned();
            event.total_tickets = 400;
            event.remaining_tickets = 400;
            // The longest words and the widest price that can occur.
            event.venue = "Donaudampfschifffahrtsgesellschaft".repeat(8);
            event.description = "https://example.org/".repeat(100);
            event.price_minor = 123_456_789_012;
            event.currency = "KWD".to_owned();
        })
        .await;
    let few_left = "UPDATE events SET remaining_tickets = 20 WHERE title = 'Encore'";
    app.execute_sql_keeping_counts(few_left).await;

    let host = Host::found(&app).await;
    let cancelled = host.event(&app, json!({ "title": "Cancelled" })).await;
    cancel_event(&app, &host.owner, &cancelled, &"Heiserkeit".repeat(20)).await;
    let opens_at = (Utc::now() + Duration::days(1)).to_rfc3339();
    let later = host.event(&app, json!({ "title": "Later", "salesStartAt": opens_at })).await;

    let browser = Browser::start(1280, 900).await;
    let (cancelled, later) = (format!("/events/{cancelled}"), format!("/events/{later}"));
    let organizer = format!("/organizers/host-{}", host.organizer.0.simple());
    let encore = format!("/events/{encore}");
    let jazz_night = format!("/events/{JAZZ_NIGHT}");
    let sold_out = format!("/events/{LIMITED_CONCERT}");
    let pages = [
        ("events", "/events", ".card h2"),
        ("wide-event", &encore, ".book"),
        ("event", &jazz_night, ".book"),
        ("sold-out-event", &sold_out, ".book"),
        ("cancelled-event", &cancelled, ".sale-note"),
        ("later-event", &later, ".sale-note"),
        ("organizer", &organizer, ".card h2"),
        ("no-events", "/events?search=nothing", ".notice"),
        ("not-found", "/nowhere", ".notice"),
        ("sign-in", "/sign-in", "form"),
        ("register", "/register", "form"),
        ("help", "/help", "h1"),
        ("privacy", "/privacy", "h1"),
    ];
    for (name, path, selector) in pages {
        check_page(&browser, &app, name, path, selector).await;
    }
    browser.sign_in(&app.url, "Ada").await;
    check_page(&browser, &app, "no-bookings", "/bookings", ".notice").await;
    browser.click_label("Events").await;
    browser.click_on_card("Jazz Night", "Book now").await;
    browser.click_on_card("Film Premiere: The Last Seat", "Book now").await;
    browser.expect_text(".toast", "Successfully booked Film Premiere: The Last Seat!").await;
    check_page(&browser, &app, "signed-in-events", "/events", ".booked").await;
    check_page(&browser, &app, "booked-event", &jazz_night, ".yours").await;
    browser.click_label("My bookings").await;
    browser.click_on_card("Jazz Night", "Cancel booking").await;
    browser.expect_text("dialog[open]", "Cancel your booking for Jazz Night?").await;
    check_view(&browser, "dialog").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_text(".toast", "Your booking for Jazz Night is cancelled.").await;
    check_view(&browser, "toast").await;
    browser.click_label("Events").await;
    browser.click_label("Chess Masterclass").await;
    browser.expect_text(".badge", "5 tickets left").await;
    browser.evaluate("window.fetch = () => Promise.reject(new TypeError('offline'))").await;
    browser.click_book().await;
    browser.expect_text(".toast", "We are checking whether your booking").await;
    check_view(&browser, "checking").await;
    browser.evaluate(LET_A_MINUTE_PASS).await;
    browser.expect_text(".toast", "No answer yet about your booking").await;
    check_view(&browser, "unknown").await;
    browser.click_label("Events").await;
    browser.expect_text(".notice", "We can't reach Rowlock.").await;
    check_view(&browser, "unreachable").await;
    check_page(&browser, &app, "bookings", "/bookings", ".booking h3").await;
    browser.close().await;
}

pub(super) async fn check_page(
    browser: &Browser,
    app: &App,
    name: &str,
    path: &str,
    selector: &str,
) {
    browser.open(&format!("{}{path}", app.url)).await;
    let shown = format!("return document.querySelectorAll('{selector}').length");
    browser.wait_for(&shown, |count| count.as_i64() > Some(0)).await;
    browser.expect_none(".skeleton").await;
    check_view(browser, name).await;
}

/// Checks the current page in several themes and widths: it does not scroll sideways, and axe finds
/// no violation. Takes a screenshot of each.
pub(super) async fn check_view(browser: &Browser, name: &str) {
    for (theme, width, height) in [
        ("light", 320, 640),
        ("light", 1280, 900),
        ("light", 768, 1024),
        ("light", 375, 812),
        ("dark", 1280, 900),
        // As if the page were enlarged to 200 % on a screen of 1280 pixels.
        ("light", 640, 450),
        ("dark", 1600, 900),
        ("dark", 768, 1024),
        ("dark", 375, 812),
    ] {
        browser.set_theme(theme).await;
        browser.set_size(width, height).await;
        // Colours and scroll bars take a moment to change.
        let settled = "return document.getAnimations().every(a => a.playState === 'finished')";
        browser.wait_for(settled, |settled| *settled == true).await;
        let overflow =
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        let overflow = browser.evaluate(overflow).await;
        assert!(overflow.as_i64() <= Some(0), "{name} at {width}: {overflow}");
        assert_eq!(axe_violations(browser).await, "", "{name} in {theme} at {width}");
        browser.screenshot(&format!("{name}-{width}-{theme}")).await;
    }
    browser.set_theme("light").await;
    browser.set_size(1280, 900).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_can_be_found_and_booked_with_the_keyboard_alone() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&app.url).await;
    browser.expect_text(".who", "Ada").await;
    browser.expect_text(".found", "12 events").await;
    let focused = "return document.activeElement.id || document.activeElement.innerText";
    browser.press(TAB).await;
    assert_eq!(browser.evaluate(focused).await, "Skip to content");
    browser.press(ENTER).await;
    browser.wait_for("return document.activeElement.id", |id| *id == "content").await;
    for expected_focus in ["search", "order", "This weekend"] {
        browser.press(TAB).await;
        browser.wait_for(focused, |found| found == expected_focus).await;
    }
    // The other filters, and the cities, come before the first card.
    while browser.evaluate(focused).await != "Stand-up in the Cellar" {
        browser.press(TAB).await;
    }
    browser.press(ENTER).await;
    // The focus moves to the new page's heading, and each action announces its result.
    browser.wait_for(focused, |found| *found == "Stand-up in the Cellar").await;
    let title = "return document.title";
    browser.wait_for(title, |title| *title == "Stand-up in the Cellar · Rowlock").await;
    // The map, the organizer's page and the number of tickets come before the button.
    for _ in 0..6 {
        browser.press(TAB).await;
    }
    browser.wait_for(focused, |found| *found == "Book 1 ticket").await;
    browser.press(ENTER).await;
    browser.expect_text("[aria-live] .toast", "Successfully booked Stand-up in the Cellar!").await;
    browser.wait_for(focused, |found| *found == "going").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_buttons_outside_of_texts_are_large_enough_for_fingers() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(375, 812).await;
    let small = "return [...document.querySelectorAll(
            'header a, .crumbs a, .form-alternative a, .chip, .row a, button, input, select')]
        .filter(element => element.offsetParent && !element.matches('.skip'))
        .map(element => [element.outerHTML, element.getBoundingClientRect()])
        .filter(([_, { width, height }]) => width < 44 || height < 44)
        .map(([html, { width, height }]) => `${width} × ${height}: ${html}`)";
    browser.open(&format!("{}/events/{JAZZ_NIGHT}", app.url)).await;
    browser.expect_text(".total", "$35.00").await;
    assert_eq!(browser.evaluate(small).await, json!([]));
    browser.click_book().await;
    browser.expect_text(".intent", "Jazz Night").await;
    assert_eq!(browser.evaluate(small).await, json!([]));
    browser.click(".form-alternative a").await;
    browser.expect_text("h1", "Create account").await;
    assert_eq!(browser.evaluate(small).await, json!([]));
    browser.close().await;
}
