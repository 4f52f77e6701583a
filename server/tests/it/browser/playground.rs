//! GraphQL Playground.

use serde_json::{Value, json};

use super::driver::Browser;
use crate::app::{App, Engine};

/// GraphQL Playground's editors, in the order of the page.
const EDITORS: &str =
    "const editors = [...document.querySelectorAll('.CodeMirror')].map(e => e.CodeMirror);";

#[tokio::test(flavor = "multi_thread")]
async fn playground_sends_the_authorization_header_and_shows_a_subscription_live() {
    let app = App::start(Engine::Sqlite).await;
    let token = app.user().await;
    let event = app.event("Concert", 5).await;
    let browser = Browser::start(1280, 900).await;
    browser.page.goto(&format!("{}/playground", app.url)).await.unwrap();
    let editors = format!("{EDITORS} return editors.length");
    browser.wait_for(&editors, |count| count.as_i64() >= Some(2)).await;

    // The header, in the pane at the bottom.
    let open_headers = "[...document.querySelectorAll('span')]
        .find(tab => tab.textContent.trim() === 'HTTP Headers').click()";
    browser.page.execute(open_headers, vec![]).await.unwrap();
    let headers = json!({ "Authorization": format!("Bearer {token}") }).to_string();
    let write_headers =
        format!("{EDITORS} editors[1].setValue({headers:?}); return editors.length");
    browser.page.execute(&write_headers, vec![]).await.unwrap();
    run(&browser, "{ me { name } }").await;
    browser.wait_for(RESULT, |text| text.as_str().is_some_and(|t| t.contains("Load user 1"))).await;
    browser.screenshot("playground-authorization").await;

    // A subscription tells on and on.
    let query = format!(
        "subscription {{ remainingTickets(eventIds: [\"{event}\"]) {{ remainingTickets }} }}"
    );
    run(&browser, &query).await;
    let shows = |count: i64| {
        let wanted = format!("\"remainingTickets\": {count}");
        move |text: &Value| text.as_str().is_some_and(|text| text.contains(&wanted))
    };
    browser.wait_for(RESULT, shows(5)).await;
    app.book(&token, &event, 2).await;
    browser.wait_for(RESULT, shows(3)).await;
    browser.screenshot("playground-subscription").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

/// What the results show, all together. The first two editors are the query's and the headers'.
const RESULT: &str = "return [...document.querySelectorAll('.CodeMirror')].slice(2)
    .map(e => e.CodeMirror.getValue()).join('\\n')";

/// Writes an operation into the open tab and presses play.
async fn run(browser: &Browser, operation: &str) {
    let write = format!("{EDITORS} editors[0].setValue({operation:?})");
    browser.page.execute(&write, vec![]).await.unwrap();
    let play = "document.querySelector('[title^=\"Execute Query\"]').click()";
    browser.page.execute(play, vec![]).await.unwrap();
}
