//! Where things are on the page: what fits on the first screen, what stays in sight, what never jumps,
//! and what moves.

use serde_json::json;

use super::driver::Browser;
use crate::{
    app::App,
    covers::jpeg,
    database::Engine,
    demo::{JAZZ_NIGHT, LIMITED_CONCERT},
    managed_events::Host,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_telephones_first_screen_has_two_whole_cards() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(375, 667).await;
    // Telephones have no scroll bars beside the page.
    let telephone = json!({ "width": 375, "height": 667, "deviceScaleFactor": 2, "mobile": true });
    browser.devtools("Emulation.setDeviceMetricsOverride", telephone).await;
    browser.open(&app.url).await;
    browser.expect_text(".live", "Live counts").await;
    let whole = "return [...document.querySelectorAll('.event-card')]
        .filter(card => card.getBoundingClientRect().bottom <= innerHeight).length";
    assert_eq!(browser.evaluate(whole).await, 2);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telephones_pager_has_one_line() {
    let app = App::start(Engine::Sqlite).await;
    for number in 0..100 {
        app.event(&format!("Concert {number}"), 5).await;
    }
    let browser = Browser::start(375, 667).await;
    for page in [1, 4, 5, 10] {
        browser.open(&format!("{}/events?page={page}", app.url)).await;
        browser.expect_text(".pager", "1").await;
        let links =
            "const links = [...document.querySelectorAll('.pager :is(.page-link, .page-gap)')]
                .map(link => link.getBoundingClientRect());
            return links.every(({ top, left, right }) =>
                top === links[0].top && left >= 0 && right <= innerWidth)";
        assert_eq!(browser.evaluate(links).await, true, "page {page}");
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_to_book_stays_in_sight_however_long_the_description_is() {
    let app = App::start(Engine::Sqlite).await;
    let long = app.event_with(|event| event.description = "Long text. ".repeat(900)).await;
    let browser = Browser::start(375, 667).await;
    let in_sight =
        "const shown = [...document.querySelectorAll('.book')].filter(b => b.offsetParent);
        const { top, bottom } = shown[0]?.getBoundingClientRect() ?? {};
        return shown.length === 1 && top >= 0 && bottom <= innerHeight";
    for (width, height) in [(320, 640), (375, 667), (768, 900), (1280, 720), (1600, 900)] {
        browser.set_size(width, height).await;
        browser.open(&format!("{}/events/{long}", app.url)).await;
        browser.expect_text(".live", "Live counts").await;
        for part in ["0", "0.5", "0.9"] {
            let scroll = format!("scrollTo(0, document.body.scrollHeight * {part})");
            browser.evaluate(&scroll).await;
            browser.wait_for(in_sight, |in_sight| *in_sight == true).await;
        }
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_jumps_while_pages_and_pictures_load() {
    let app = App::start(Engine::Sqlite).await;
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({ "title": "Aerial Show" })).await;
    let cover = app.http.put(format!("{}/events/{event}/cover?alt=A+trapeze", app.url));
    let answer = cover.bearer_auth(&host.owner).body(jpeg(1600, 900)).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    let browser = Browser::start(375, 667).await;
    // The browser marks shifts that a new size of the window causes, as they are the visitor's own.
    let source = "window.shifts = [];
        new PerformanceObserver(list => list.getEntries().filter(shift => !shift.hadRecentInput)
            .forEach(shift => window.shifts.push(
                [shift.value, shift.sources.map(({ node }) => node?.outerHTML?.slice(0, 200))])))
            .observe({ type: 'layout-shift', buffered: true });";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    for (width, height) in [(375, 667), (768, 1024), (1280, 800)] {
        browser.set_size(width, height).await;
        let page = format!("/events/{event}");
        for (path, heading) in
            [("/events", "What's on"), (page.as_str(), "Aerial Show"), ("/bookings", "Sign in")]
        {
            browser.open(&format!("{}{path}", app.url)).await;
            browser.expect_text("h1", heading).await;
            // The server's page was replaced by the client's.
            browser.expect_none("#shell").await;
            browser.expect_none(".skeleton").await;
            let loaded = "return [...document.images].every(image => image.complete)";
            browser.wait_for(loaded, |loaded| *loaded == true).await;
            let shifts = browser.evaluate("return window.shifts").await;
            assert_eq!(shifts, json!([]), "{path} at {width}");
        }
    }
    let shown = "return document.images.length";
    browser.open(&format!("{}/events/{event}", app.url)).await;
    browser.expect_none("#shell").await;
    browser.wait_for(shown, |shown| *shown == 1).await;
    let picture =
        "const { alt, srcset } = document.images[0]; return [alt, srcset.split(',').length]";
    assert_eq!(browser.evaluate(picture).await, json!(["A trapeze", 3]));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_falls_moves_unless_the_visitor_wants_less_motion() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/events/{JAZZ_NIGHT}", app.url)).await;
    browser.expect_text(".badge", "80 tickets left").await;
    browser.expect_text(".live", "Live counts").await;
    browser.expect_none(".fell, .rose").await;
    let buyer = app.user().await;
    let booked = app.book(&buyer, JAZZ_NIGHT, 2).await;
    browser.expect_text(".buy .badge .fell", "78 tickets left").await;
    app.cancel(&buyer, booked["booking"]["id"].as_str().unwrap()).await;
    browser.expect_text(".buy .badge .rose", "80 tickets left").await;

    let less = json!([{ "name": "prefers-reduced-motion", "value": "reduce" }]);
    browser.devtools("Emulation.setEmulatedMedia", json!({ "features": less })).await;
    let observe = "window.motions = 0;
        addEventListener('animationstart', () => window.motions += 1);
        addEventListener('transitionstart', () => window.motions += 1)";
    browser.evaluate(observe).await;
    app.book(&app.user().await, JAZZ_NIGHT, 5).await;
    browser.expect_text(".buy .badge", "75 tickets left").await;
    assert_eq!(browser.evaluate("return window.motions").await, 0);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sold_out_is_said_once_to_screen_readers_with_what_may_happen() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/events/{LIMITED_CONCERT}", app.url)).await;
    browser.expect_text(".live", "Live counts").await;
    let observe = "window.said = [];
        const region = document.querySelector('.event > p[role=status]');
        new MutationObserver(() => window.said.push(region.textContent))
            .observe(region, { childList: true, characterData: true, subtree: true })";
    browser.evaluate(observe).await;
    app.book(&app.user().await, LIMITED_CONCERT, 2).await;
    browser.expect_text(".sale-note", "Tickets come back when somebody cancels.").await;
    let once = json!(["Sold out. Tickets come back when somebody cancels."]);
    browser.wait_for("return window.said", |said| *said == once).await;
    browser.close().await;
}
