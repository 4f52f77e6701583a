//! GraphQL Playground in the browser.

use serde_json::{Value, json};

use super::driver::Browser;
use crate::{app::App, database::Engine, demo::LOG_IN_AS_ADA};

/// GraphQL Playground's editors, in the order in which the page has them.
const EDITORS: &str =
    "const editors = [...document.querySelectorAll('.CodeMirror')].map(e => e.CodeMirror);";

#[tokio::test(flavor = "multi_thread")]
async fn playground_signs_in_books_and_shows_a_subscription_live() {
    let app = App::start(Engine::Sqlite).await;
    let event = app.event("Concert", 5).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&app.url).await;
    browser.click(".site-footer a[href='/playground']").await;
    browser.expect_path("/playground").await;
    let editors = format!("{EDITORS} return editors.length");
    browser.wait_for(&editors, |count| count.as_i64() >= Some(2)).await;

    let result = run(&browser, LOG_IN_AS_ADA, "Ada").await;
    let (_, rest) = result.split_once("\"accessToken\": \"").unwrap();
    let (token, _) = rest.split_once('"').unwrap();

    // The header goes into the pane at the bottom.
    let open_headers = "[...document.querySelectorAll('span')]
        .find(tab => tab.textContent.trim() === 'HTTP Headers').click()";
    browser.page.execute(open_headers, vec![]).await.unwrap();
    let headers = json!({ "Authorization": format!("Bearer {token}") }).to_string();
    let write_headers =
        format!("{EDITORS} editors[1].setValue({headers:?}); return editors.length");
    browser.page.execute(&write_headers, vec![]).await.unwrap();
    let book =
        format!("mutation {{ bookEvent(input: {{ eventId: \"{event}\" }}) {{ __typename }} }}");
    run(&browser, &book, "BookEventSuccess").await;
    browser.screenshot("playground-booking").await;

    // A subscription shows each new result.
    let subscription = format!(
        "subscription {{ remainingTickets(eventIds: [\"{event}\"]) {{ remainingTickets }} }}"
    );
    run(&browser, &subscription, "\"remainingTickets\": 4").await;
    app.book(&app.user().await, &event, 2).await;
    wait_for_result(&browser, "\"remainingTickets\": 2").await;
    browser.screenshot("playground-subscription").await;
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn playground_opens_with_tabs_that_lead_from_signing_in_to_booking() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/playground", app.url)).await;
    for tab in ["SignIn", "Look", "Watch", "Book"] {
        select_tab(&browser, tab).await;
    }
    browser.screenshot("playground-first-tabs").await;
    select_tab(&browser, "SignIn").await;
    press_play(&browser, "accessToken").await;
    select_tab(&browser, "Look").await;
    press_play(&browser, "\"title\": \"Jazz Night\"").await;
    select_tab(&browser, "Watch").await;
    press_play(&browser, "\"remainingTickets\": 80").await;
    select_tab(&browser, "Book").await;
    press_play(&browser, "UNAUTHENTICATED").await;
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn playground_keeps_a_visitors_own_tabs() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/playground", app.url)).await;
    select_tab(&browser, "Look").await;
    let write = format!("{EDITORS} editors[0].setValue('query Mine {{ me {{ name }} }}')");
    browser.page.execute(&write, vec![]).await.unwrap();
    let stored = "return localStorage.getItem('graphql-playground')";
    browser
        .wait_for(stored, |stored| stored.as_str().is_some_and(|stored| stored.contains("Mine")))
        .await;
    browser.page.refresh().await.unwrap();
    let query = format!("{EDITORS} return editors[0]?.getValue()");
    let is_mine = |query: &Value| query.as_str().is_some_and(|query| query.contains("Mine"));
    browser.wait_for(&query, is_mine).await;
    select_tab(&browser, "Watch").await;
    browser.close().await;
}

/// Clicks the tab with this name, and waits for its operation.
async fn select_tab(browser: &Browser, name: &str) {
    let path = format!("//*[not(*)][normalize-space()='{name}']");
    browser.click_path(&path).await;
    let query = format!("{EDITORS} return editors[0]?.getValue()");
    let start = format!(" {name}(");
    browser
        .wait_for(&query, |query| query.as_str().is_some_and(|query| query.contains(&start)))
        .await;
}

/// Joins the texts of all results. The first two editors are for the query and the headers.
const READ_RESULT: &str = "return [...document.querySelectorAll('.CodeMirror')].slice(2)
    .map(e => e.CodeMirror.getValue()).join('\\n')";

/// Writes an operation into the open tab, presses play, and returns the results once they have the
/// expected text.
async fn run(browser: &Browser, operation: &str, expected: &'static str) -> String {
    let write = format!("{EDITORS} editors[0].setValue({operation:?})");
    browser.page.execute(&write, vec![]).await.unwrap();
    press_play(browser, expected).await
}

/// Runs the operation in the open tab, and returns the results once they have the expected text.
async fn press_play(browser: &Browser, expected: &'static str) -> String {
    let play = "document.querySelector('[title^=\"Execute Query\"]').click()";
    browser.page.execute(play, vec![]).await.unwrap();
    wait_for_result(browser, expected).await
}

async fn wait_for_result(browser: &Browser, expected: &'static str) -> String {
    let shows = move |text: &Value| text.as_str().is_some_and(|text| text.contains(expected));
    browser.wait_for(READ_RESULT, shows).await.as_str().unwrap().to_owned()
}
