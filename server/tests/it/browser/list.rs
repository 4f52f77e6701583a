//! Finding an event: search, order, pages, and the address that says it all.

use serde_json::{Value, json};

use super::driver::{Browser, plain};
use crate::{app::App, database::Engine, proxy::Proxy};

const TITLES: &str = "return [...document.querySelectorAll('.card h2')].map(h => h.innerText)";

fn titles(wanted: &[&str]) -> impl Fn(&Value) -> bool {
    let wanted = json!(wanted);
    move |found| *found == wanted
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_narrows_the_list_and_the_way_back_leads_to_all_of_it() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.go(&app.url).await;
    browser.see(".found", "12 events").await;
    browser.see_path("/events").await;

    browser.fill("search", "co").await;
    browser.see_path("/events?search=co").await;
    browser.press("nCeRt").await;
    browser.see_path("/events?search=conCeRt").await;
    browser.wait_for(TITLES, titles(&["Limited Concert"])).await;
    browser.see(".found", "1 event").await;

    // A shared link shows the same.
    browser.page.refresh().await.unwrap();
    browser.wait_for(TITLES, titles(&["Limited Concert"])).await;
    let input = "return document.querySelector('#search').value";
    assert_eq!(browser.ask(input).await, "conCeRt");

    browser.page.back().await.unwrap();
    browser.see_path("/events").await;
    browser.see(".found", "12 events").await;
    assert_eq!(browser.ask(input).await, "");

    browser.fill("search", "no such event").await;
    browser.see(".notice", "No event title contains “no such event”.").await;
    browser.click_on("Show all events").await;
    browser.see(".found", "12 events").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_waits_until_nobody_types() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.go(&app.url).await;
    browser.see(".found", "12 events").await;
    let requests = "return performance.getEntriesByName(location.origin + '/graphql').length";
    let before = browser.ask(requests).await.as_i64().unwrap();
    // A letter each 100 ms, by script, since a driver's keys come when they come.
    let type_on = "const input = document.querySelector('#search'); let typed = '';
        const timer = setInterval(() => {
            typed = 'jazz'.slice(0, typed.length + 1); input.value = typed;
            input.dispatchEvent(new InputEvent('input', { bubbles: true }));
            window.lastKey = performance.now();
            if (typed === 'jazz') clearInterval(timer);
        }, 100)";
    browser.ask(type_on).await;
    browser.wait_for(TITLES, titles(&["Jazz Night"])).await;
    assert_eq!(browser.ask(requests).await.as_i64().unwrap() - before, 1);
    let pause = "return performance.getEntriesByName(location.origin + '/graphql').at(-1).startTime
        - window.lastKey";
    let pause = browser.ask(pause).await.as_f64().unwrap();
    assert!((290.0..1_000.0).contains(&pause), "{pause} ms");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_and_pages_are_in_the_address_and_back_undoes_them() {
    let app = App::start(Engine::Sqlite).await;
    for number in 1..=20 {
        app.event(&format!("Lecture {number:02}"), 5).await;
    }
    let browser = Browser::start(768, 900).await;
    browser.go(&format!("{}/events?search=lecture", app.url)).await;
    browser.see(".found", "20 events").await;
    browser.choose("#order", "title-desc").await;
    browser.see_path("/events?search=lecture&order=title-desc").await;
    let first = "return document.querySelector('.card h2')?.innerText";
    browser.wait_for(first, |title| *title == "Lecture 20").await;
    browser.click("[aria-label='Next page']").await;
    browser.see_path("/events?search=lecture&order=title-desc&page=2").await;
    browser.wait_for(first, |title| *title == "Lecture 08").await;
    browser.see("[aria-current='page'].page-link", "2").await;

    browser.page.back().await.unwrap();
    browser.wait_for(first, |title| *title == "Lecture 20").await;
    browser.page.back().await.unwrap();
    browser.see_path("/events?search=lecture").await;
    browser.wait_for(first, |title| *title != "Lecture 20").await;
    let order = "return document.querySelector('#order').value";
    assert_eq!(browser.ask(order).await, "date");

    browser.go(&format!("{}/events?page=99", app.url)).await;
    browser.see(".notice", "There is no page 99.").await;
    browser.click_on("Go to the first page").await;
    browser.see(".found", "32 events").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_read_says_so_and_can_be_tried_again() {
    let app = App::start(Engine::Sqlite).await;
    let proxy = Proxy::to(app.address()).await;
    let browser = Browser::start(1280, 900).await;
    browser.go(&format!("{}/sign-in", proxy.url())).await;
    browser.see("h1", "Sign in").await;
    proxy.set_open(false);
    browser.click_on("Events").await;
    browser.see(".notice", "The booking system can't be reached.").await;
    proxy.set_open(true);
    browser.click_on("Try again").await;
    browser.see(".found", "12 events").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_from_an_event_leads_to_where_the_list_was_left() {
    let app = App::start(Engine::Sqlite).await;
    for number in 1..=13 {
        app.event(&format!("Lecture {number:02}"), 5).await;
    }
    let browser = Browser::start(375, 800).await;
    browser.go(&format!("{}/events?order=title&page=2", app.url)).await;
    browser.see(".found", "25 events, page 2 of 3").await;
    browser.ask("window.scrollTo(0, 1200)").await;
    let scrolled = "return Math.round(window.scrollY)";
    browser.wait_for(scrolled, |y| *y == 1200).await;
    // By script: a click by the driver would scroll first.
    browser.ask("document.querySelectorAll('.card h2 a')[5].click()").await;
    browser.see(".crumbs", "All events").await;
    browser.wait_for(scrolled, |y| *y == 0).await;
    browser.page.back().await.unwrap();
    browser.wait_for(scrolled, |y| *y == 1200).await;
    browser.page.refresh().await.unwrap();
    browser.wait_for(scrolled, |y| *y == 1200).await;

    // The link back leads to the same list.
    browser.ask("document.querySelectorAll('.card h2 a')[5].click()").await;
    browser.click_on("All events").await;
    browser.see_path("/events?order=title&page=2").await;

    // A pager's link leads to the top of the next page, with the focus, and says where one is.
    browser.see(".found", "25 events, page 2 of 3").await;
    browser.click("[aria-label='Next page']").await;
    browser.see(".found", "25 events, page 3 of 3").await;
    browser.wait_for("return document.activeElement.id", |id| *id == "found").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_and_prices_are_in_the_visitors_own_zone_and_language() {
    let app = App::start(Engine::Sqlite).await;
    let event = app
        .event_with(|event| {
            event.starts_at = "2030-03-15T09:00:00Z".parse().unwrap();
            event.price_minor = 123_456;
        })
        .await;
    let browser = Browser::start(1280, 900).await;
    for (language, zone, date, price) in [
        ("en-US", "Europe/Berlin", "March 15, 2030 at 10:00 AM", "€1,234.56"),
        ("de-DE", "Asia/Tokyo", "15. März 2030 um 18:00", "1.234,56 €"),
    ] {
        browser.set_place(language, zone).await;
        browser.go(&format!("{}/events/{event}", app.url)).await;
        browser.see("time", date).await;
        let shown = browser.ask("return document.querySelector('.price').innerText").await;
        assert_eq!(plain(shown.as_str().unwrap()), price);
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_without_a_page_or_an_event_says_so() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    for (path, words) in [
        ("/nowhere", "There is no page at this address."),
        ("/events/nonsense", "There is no such event."),
        ("/events/01990000-0000-7000-8000-00000000ffff", "There is no such event."),
    ] {
        browser.go(&format!("{}{path}", app.url)).await;
        browser.see(".notice", words).await;
    }
    browser.click_on("See all events").await;
    browser.see(".found", "12 events").await;
    browser.close().await;
}
