//! The downloads of a page, and the scripts that it runs.

use serde_json::json;

use super::driver::Browser;
use crate::{app::App, database::Engine, demo::JAZZ_NIGHT};

/// Maximum size of all compressed downloads of a first visit.
const MAX_DOWNLOAD_BYTES: i64 = 300_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_first_visit_downloads_little_and_only_from_this_origin() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&app.url).await;
    browser.expect_text(".live", "Live counts").await;
    let entries =
        "return ['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))
        .map(entry => ({ name: entry.name, bytes: entry.encodedBodySize }))";
    let entries = browser.evaluate(entries).await;
    let mut bytes = 0;
    for entry in entries.as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        assert!(name.starts_with(&app.url), "{name} is from another origin");
        bytes += entry["bytes"].as_i64().unwrap();
    }
    assert!((50_000..=MAX_DOWNLOAD_BYTES).contains(&bytes), "{bytes} bytes: {entries}");
    assert_eq!(browser.console_messages().await, Vec::<String>::new());

    // Files with a hash in their name are not requested again.
    browser.page.refresh().await.unwrap();
    browser.expect_text(".live", "Live counts").await;
    let downloaded_again = "return performance.getEntriesByType('resource')
        .filter(entry => entry.name.includes('/assets/') && entry.transferSize > 0)
        .map(entry => entry.name)";
    assert_eq!(browser.evaluate(downloaded_again).await, json!([]));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_never_empty_while_the_program_takes_over() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let watch = "const shown = css => [...document.querySelectorAll(css)]
            .filter(element => element.getClientRects().length > 0).length;
        window.seen = new Set();
        new MutationObserver(() => {
            // The browser may draw a part of the document before it has the rest.
            const isRead = document.readyState !== 'loading';
            if (isRead && document.querySelector('body > header, body > div > header')) {
                const page = shown('main > *') > 0 ? 'a page' : 'nothing';
                seen.add(`${page} below headers: ${shown('.site-header')}`);
            }
        }).observe(document, { childList: true, subtree: true });";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": watch })).await;
    let event = format!("/events/{JAZZ_NIGHT}");
    for (path, heading) in [
        ("/events", "What's on"),
        (event.as_str(), "Jazz Night"),
        ("/sign-in", "Sign in"),
        ("/bookings", "Sign in"),
        ("/organize", "Organize events"),
    ] {
        browser.open(&format!("{}{path}", app.url)).await;
        browser.expect_none("#shell").await;
        browser.expect_text("#content h1", heading).await;
        let seen = browser.evaluate("return [...window.seen]").await;
        assert_eq!(seen, json!(["a page below headers: 1"]), "{path}");
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_injected_script_does_not_run() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&app.url).await;
    browser.expect_text(".found", "12 events").await;
    let inject = "const script = document.createElement('script');
        script.textContent = 'window.injected = true'; document.body.append(script);
        const image = document.createElement('img');
        image.setAttribute('onerror', 'window.injected = true'); image.src = '/none';
        document.body.append(image);";
    browser.evaluate(inject).await;
    let images = "return document.querySelectorAll('img').length";
    browser.wait_for(images, |count| *count == 1).await;
    assert_eq!(browser.evaluate("return window.injected ?? null").await, json!(null));
    let complaints = browser.console_messages().await.join("\n");
    assert!(complaints.contains("Content Security Policy"), "{complaints}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_of_the_first_page_is_allowed_and_does_not_outlive_it() {
    let app = App::start(Engine::Sqlite).await;
    let title = "</script><script>window.injected = true</script>";
    let event = app
        .event_with(|event| {
            event.title = title.to_owned();
            event.title_key = title.to_owned();
        })
        .await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/events/{event}", app.url)).await;
    browser.expect_text("h1", title).await;
    let described = "return [
        JSON.parse(document.querySelector('[type=\"application/ld+json\"]').textContent).name,
        document.querySelector('[property=\"og:title\"]').content,
        document.querySelector('[rel=canonical]').href,
        window.injected ?? null,
    ]";
    let address = format!("{}/events/{event}", app.url);
    assert_eq!(browser.evaluate(described).await, json!([title, title, address, null]));
    // The policy forbids scripts within pages, but data is none.
    assert_eq!(browser.console_messages().await, Vec::<String>::new());

    browser.click_label("All events").await;
    browser.expect_text("h1", "What's on").await;
    browser.expect_none("[type='application/ld+json'], [property], [rel=canonical]").await;
    browser.expect_none("[name=description], [name^='twitter:']").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_title_of_the_first_page_is_never_a_placeholder() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let source = "window.titles = new Set();
        const note = () => document.title && window.titles.add(document.title);
        new MutationObserver(note).observe(document, { subtree: true, childList: true });";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    browser.open(&format!("{}/events/{JAZZ_NIGHT}", app.url)).await;
    browser.expect_text("h1", "Jazz Night").await;
    browser.expect_text(".live", "Live counts").await;
    let titles = "return [...window.titles]";
    assert_eq!(browser.evaluate(titles).await, json!(["Jazz Night · Rowlock"]));
    browser.click_label("All events").await;
    browser.wait_for("return document.title", |title| *title == "What's on · Rowlock").await;
    browser.close().await;
}
