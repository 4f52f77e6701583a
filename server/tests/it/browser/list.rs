//! Finding an event: the search, the order, the pages, and the address that has all three.

use serde_json::{Value, json};

use super::driver::{Browser, badge_script, with_plain_spaces};
use crate::{app::App, database::Engine, proxy::Proxy};

const TITLES: &str = "return [...document.querySelectorAll('.card h2')].map(h => h.innerText)";

fn are_titles(expected: &[&str]) -> impl Fn(&Value) -> bool {
    let expected = json!(expected);
    move |found| *found == expected
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_narrows_the_list_and_going_back_shows_all_events() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&app.url).await;
    browser.expect_text(".found", "12 events").await;
    browser.expect_path("/events").await;

    browser.fill("search", "co").await;
    browser.expect_path("/events?search=co").await;
    browser.press("nCeRt").await;
    browser.expect_path("/events?search=conCeRt").await;
    browser.wait_for(TITLES, are_titles(&["Limited Concert"])).await;
    browser.expect_text(".found", "1 event").await;

    // A shared link shows the same list.
    browser.page.refresh().await.unwrap();
    browser.wait_for(TITLES, are_titles(&["Limited Concert"])).await;
    let input = "return document.querySelector('#search').value";
    assert_eq!(browser.evaluate(input).await, "conCeRt");

    browser.page.back().await.unwrap();
    browser.expect_path("/events").await;
    browser.expect_text(".found", "12 events").await;
    assert_eq!(browser.evaluate(input).await, "");

    browser.fill("search", "no such event").await;
    browser.expect_text(".notice", "No events match “no such event”.").await;
    browser.click_label("Show all events").await;
    browser.expect_text(".found", "12 events").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_waits_for_a_pause_in_typing() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&app.url).await;
    browser.expect_text(".found", "12 events").await;
    let requests = "return performance.getEntriesByName(location.origin + '/graphql').length";
    let before = browser.evaluate(requests).await.as_i64().unwrap();
    // A script types one letter per 100 ms, because the driver's keys arrive at no fixed times.
    let type_letters = "const input = document.querySelector('#search'); let typed = '';
        const timer = setInterval(() => {
            typed = 'jazz'.slice(0, typed.length + 1); input.value = typed;
            input.dispatchEvent(new InputEvent('input', { bubbles: true }));
            window.lastKey = performance.now();
            if (typed === 'jazz') clearInterval(timer);
        }, 100)";
    browser.evaluate(type_letters).await;
    browser.wait_for(TITLES, are_titles(&["Jazz Night"])).await;
    assert_eq!(browser.evaluate(requests).await.as_i64().unwrap() - before, 1);
    let pause = "return performance.getEntriesByName(location.origin + '/graphql').at(-1).startTime
        - window.lastKey";
    let pause = browser.evaluate(pause).await.as_f64().unwrap();
    assert!((290.0..1_000.0).contains(&pause), "{pause} ms");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_and_page_are_in_the_address_and_going_back_restores_them() {
    let app = App::start(Engine::Sqlite).await;
    for number in 1..=20 {
        app.event(&format!("Lecture {number:02}"), 5).await;
    }
    let browser = Browser::start(768, 900).await;
    browser.open(&format!("{}/events?search=lecture", app.url)).await;
    browser.expect_text(".found", "20 events").await;
    browser.choose("#order", "title-desc").await;
    browser.expect_path("/events?search=lecture&order=title-desc").await;
    let first = "return document.querySelector('.card h2')?.innerText";
    browser.wait_for(first, |title| *title == "Lecture 20").await;
    browser.click("[aria-label='Next page']").await;
    browser.expect_path("/events?search=lecture&order=title-desc&page=2").await;
    browser.wait_for(first, |title| *title == "Lecture 08").await;
    browser.expect_text("[aria-current='page'].page-link", "2").await;

    browser.page.back().await.unwrap();
    browser.wait_for(first, |title| *title == "Lecture 20").await;
    browser.page.back().await.unwrap();
    browser.expect_path("/events?search=lecture").await;
    browser.wait_for(first, |title| *title != "Lecture 20").await;
    let order = "return document.querySelector('#order').value";
    assert_eq!(browser.evaluate(order).await, "date");

    browser.open(&format!("{}/events?page=99", app.url)).await;
    browser.expect_text(".notice", "There is no page 99.").await;
    browser.click_label("Go to the first page").await;
    browser.expect_text(".found", "32 events").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_fails_to_load_can_be_tried_again() {
    let app = App::start(Engine::Sqlite).await;
    let proxy = Proxy::to(app.address()).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/sign-in", proxy.url())).await;
    browser.expect_text("h1", "Sign in").await;
    proxy.set_open(false);
    browser.click_label("Events").await;
    browser.expect_text(".notice", "We can't reach Rowlock.").await;
    proxy.set_open(true);
    browser.click_label("Try again").await;
    browser.expect_text(".found", "12 events").await;
    browser.close().await;
}

/// A page learns where it is by the event, which the browser sends in a later frame.
const SCROLL_AND_WAIT_FOR_THE_EVENT: &str = "return new Promise(done => {
    window.addEventListener('scroll', () => setTimeout(done), { once: true });
    window.scrollTo(0, 1200);
})";

#[tokio::test(flavor = "multi_thread")]
async fn going_back_from_an_event_restores_the_page_and_scroll_position_of_the_list() {
    let app = App::start(Engine::Sqlite).await;
    for number in 1..=13 {
        app.event(&format!("Lecture {number:02}"), 5).await;
    }
    let browser = Browser::start(375, 800).await;
    browser.open(&format!("{}/events?order=title&page=2", app.url)).await;
    browser.expect_text(".found", "25 events, page 2 of 3").await;
    browser.evaluate(SCROLL_AND_WAIT_FOR_THE_EVENT).await;
    let scrolled = "return Math.round(window.scrollY)";
    browser.wait_for(scrolled, |y| *y == 1200).await;
    // A script clicks, because the driver would scroll first.
    browser.evaluate("document.querySelectorAll('.card h2 a')[5].click()").await;
    browser.expect_text(".crumbs", "All events").await;
    browser.wait_for(scrolled, |y| *y == 0).await;
    browser.page.back().await.unwrap();
    browser.wait_for(scrolled, |y| *y == 1200).await;
    browser.page.refresh().await.unwrap();
    browser.wait_for(scrolled, |y| *y == 1200).await;

    // The link back shows the same list.
    browser.evaluate("document.querySelectorAll('.card h2 a')[5].click()").await;
    browser.click_label("All events").await;
    browser.expect_path("/events?order=title&page=2").await;

    // A link to the next page moves the focus to its top, which shows the page's number.
    browser.expect_text(".found", "25 events, page 2 of 3").await;
    browser.click("[aria-label='Next page']").await;
    browser.expect_text(".found", "25 events, page 3 of 3").await;
    browser.wait_for("return document.activeElement.id", |id| *id == "found").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_are_in_the_events_time_zone_which_is_named_where_the_visitors_differs() {
    let app = App::start(Engine::Sqlite).await;
    let event = app
        .event_with(|event| {
            event.starts_at = "2030-03-15T23:00:00Z".parse().unwrap();
            event.time_zone = "Europe/Berlin".to_owned();
            event.price_minor = 123_456;
        })
        .await;
    let browser = Browser::start(1280, 900).await;
    for (languages, zone, date, price) in [
        ("en-US", "Europe/Berlin", "Sat, Mar 16, 2030 · 12:00 AM", "€1,234.56"),
        ("en-US", "Europe/Paris", "Sat, Mar 16, 2030 · 12:00 AM", "€1,234.56"),
        ("en-US", "America/New_York", "Sat, Mar 16, 2030 · 12:00 AM (Berlin)", "€1,234.56"),
        ("de-DE,de", "Europe/Berlin", "Sat, 16 Mar 2030 · 0:00", "€1,234.56"),
        ("de-DE,en-US", "Asia/Tokyo", "Sat, Mar 16, 2030 · 12:00 AM (Berlin)", "€1,234.56"),
    ] {
        browser.set_locale(languages, zone).await;
        browser.open(&format!("{}/events/{event}", app.url)).await;
        let time = "return document.querySelector('time')?.innerText ?? ''";
        browser.wait_for(time, |shown| with_plain_spaces(shown.as_str().unwrap()) == date).await;
        let shown = browser.evaluate("return document.querySelector('.price').innerText").await;
        assert_eq!(with_plain_spaces(shown.as_str().unwrap()), price);
        let month = browser.evaluate("return document.querySelector('.tile').innerText").await;
        assert_eq!(with_plain_spaces(month.as_str().unwrap()).to_lowercase(), "mar 16");
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_event_is_shown_if_it_is_known() {
    let app = App::start(Engine::Sqlite).await;
    let event = app
        .event_with(|event| {
            event.starts_at = "2030-03-15T19:00:00Z".parse().unwrap();
            event.ends_at = Some("2030-03-15T22:30:00Z".parse().unwrap());
            event.city = "Vienna".to_owned();
        })
        .await;
    let browser = Browser::start(1280, 900).await;
    browser.set_locale("en-US", "UTC").await;
    browser.open(&format!("{}/events/{event}", app.url)).await;
    browser.expect_text("time", "Fri, Mar 15, 2030 · 7:00 PM – 10:30 PM").await;
    browser.expect_text(".row", "Hall, Vienna").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_numbers_have_separators() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&app.url).await;
    browser.wait_for(&badge_script("City Marathon"), |words| *words == "12,000 tickets left").await;
    browser.click_label("City Marathon").await;
    browser.expect_text(".badge", "12,000 tickets left").await;
    browser.expect_text(".of-all", "of 12,000").await;
    browser.open(&format!("{}/events?page=12000", app.url)).await;
    browser.expect_text(".notice", "There is no page 12,000.").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_or_event_shows_a_notice() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    for (path, words) in [
        ("/nowhere", "There is no page at this address."),
        ("/events/nonsense", "There is no such event."),
        ("/events/01990000-0000-7000-8000-00000000ffff", "There is no such event."),
    ] {
        browser.open(&format!("{}{path}", app.url)).await;
        browser.expect_text(".notice", words).await;
    }
    browser.click_label("See all events").await;
    browser.expect_text(".found", "12 events").await;
    browser.close().await;
}
