//! How the pages look on every screen, to everybody, and what they cost.

use super::driver::{Browser, ENTER, TAB};
use crate::{
    app::App,
    database::Engine,
    demo::{CHESS_MASTERCLASS, JAZZ_NIGHT, LIMITED_CONCERT},
};

/// What axe finds wrong with the page that is shown, in words.
async fn faults(browser: &Browser) -> String {
    let script = std::env::var("TEST_AXE_SCRIPT")
        .expect("TEST_AXE_SCRIPT names axe-core's script: run `cargo xtask test`");
    browser.ask(&std::fs::read_to_string(script).unwrap()).await;
    let run = "const done = arguments[arguments.length - 1];
        axe.run().then(found => done(found.violations.flatMap(violation => violation.nodes.map(
            node => `${violation.id}: ${node.target}: ${node.failureSummary}`)).join('\\n')),
            error => done(`axe failed: ${error}`));";
    let found = browser.page.execute_async(run, vec![]).await.unwrap();
    found.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_every_screen_and_shuts_nobody_out() {
    let app = App::start(Engine::Sqlite).await;
    // Counts of each colour.
    for (event, tickets) in [(LIMITED_CONCERT, 2), (CHESS_MASTERCLASS, 7)] {
        let buyer = app.user().await;
        app.book(&buyer, event, tickets).await;
    }
    let encore = app
        .event_with(|event| {
            event.title = "Encore".to_owned();
            event.title_key = "encore".to_owned();
            event.total_tickets = 400;
            event.remaining_tickets = 20;
            // As wide as words and prices get.
            event.venue = "Donaudampfschifffahrtsgesellschaft".repeat(8);
            event.description = "https://example.org/".repeat(100);
            event.price_minor = 123_456_789_012;
            event.currency = "KWD".to_owned();
        })
        .await;

    let browser = Browser::start(1280, 900).await;
    let encore = format!("/events/{encore}");
    let jazz_night = format!("/events/{JAZZ_NIGHT}");
    let pages = [
        ("events", "/events", ".card h2"),
        ("wide-event", &encore, ".book"),
        ("event", &jazz_night, ".book"),
        ("no-events", "/events?search=nothing", ".notice"),
        ("not-found", "/nowhere", ".notice"),
        ("sign-in", "/sign-in", "form"),
        ("register", "/register", "form"),
    ];
    for (name, path, shows) in pages {
        look(&browser, &app, name, path, shows).await;
    }
    browser.sign_in(&app.url, "Ada").await;
    look(&browser, &app, "no-bookings", "/bookings", ".notice").await;
    browser.click_on("Events").await;
    browser.click_on_card("Jazz Night", "Book").await;
    browser.click_on_card("Film Premiere: The Last Seat", "Book").await;
    browser.see(".toast", "Successfully booked Film Premiere: The Last Seat!").await;
    look(&browser, &app, "signed-in-events", "/events", ".booked").await;
    look(&browser, &app, "booked-event", &jazz_night, ".yours").await;
    browser.click_on("My bookings").await;
    browser.click_on_card("Jazz Night", "Cancel booking").await;
    browser.see("dialog[open]", "Cancel your booking for Jazz Night?").await;
    look_at(&browser, "dialog").await;
    browser.click("dialog[open] .button-danger").await;
    browser.see(".toast", "Your booking for Jazz Night is cancelled.").await;
    look_at(&browser, "toast").await;
    browser.ask("window.fetch = () => Promise.reject(new TypeError('offline'))").await;
    browser.click_on("Events").await;
    browser.see(".notice", "The booking system can't be reached.").await;
    look_at(&browser, "unreachable").await;
    look(&browser, &app, "bookings", "/bookings", ".booking h2").await;
    browser.close().await;
}

async fn look(browser: &Browser, app: &App, name: &str, path: &str, shows: &str) {
    browser.go(&format!("{}{path}", app.url)).await;
    let shown = format!("return document.querySelectorAll('{shows}').length");
    browser.wait_for(&shown, |count| count.as_i64() > Some(0)).await;
    browser.see_no(".skeleton").await;
    look_at(browser, name).await;
}

/// In each theme at each width: nothing to scroll sideways, nothing for axe to find, a picture for people.
async fn look_at(browser: &Browser, name: &str) {
    for (theme, width, height) in [
        ("light", 320, 640),
        ("light", 1280, 900),
        ("light", 768, 1024),
        ("light", 375, 812),
        ("dark", 1280, 900),
        ("dark", 768, 1024),
        ("dark", 375, 812),
    ] {
        browser.set_theme(theme).await;
        browser.set_size(width, height).await;
        // Colours and bars take a moment to change.
        let settled = "return document.getAnimations().every(a => a.playState === 'finished')";
        browser.wait_for(settled, |settled| *settled == true).await;
        let overflow =
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.ask(overflow).await, 0, "{name} at {width}");
        assert_eq!(faults(browser).await, "", "{name} in {theme} at {width}");
        browser.screenshot(&format!("{name}-{width}-{theme}")).await;
    }
    browser.set_theme("light").await;
    browser.set_size(1280, 900).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_a_mouse_finds_and_books() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.go(&app.url).await;
    browser.see(".who", "Ada").await;
    browser.see(".found", "12 events").await;
    let focused = "return document.activeElement.id || document.activeElement.innerText";
    browser.press(TAB).await;
    assert_eq!(browser.ask(focused).await, "Skip to content");
    browser.press(ENTER).await;
    browser.wait_for("return document.activeElement.id", |id| *id == "content").await;
    for (key, wanted) in
        [(TAB, "search"), (TAB, "order"), (TAB, "Stand-up in the Cellar"), (ENTER, "")]
    {
        browser.press(key).await;
        if !wanted.is_empty() {
            browser.wait_for(focused, |found| found == wanted).await;
        }
    }
    // The new page says its name, and what is done on it says what came of it.
    browser.wait_for(focused, |found| *found == "Stand-up in the Cellar").await;
    let title = "return document.title";
    browser.wait_for(title, |title| *title == "Stand-up in the Cellar · Rowlock").await;
    browser.press(TAB).await;
    browser.press(TAB).await;
    browser.wait_for(focused, |found| *found == "Book").await;
    browser.press(ENTER).await;
    browser.see("[aria-live] .toast", "Successfully booked Stand-up in the Cellar!").await;
    browser.wait_for(focused, |found| *found == "Booked").await;
    browser.close().await;
}
