//! GraphiQL.

use serde_json::{Value, json};

use super::driver::Browser;
use crate::{
    app::{App, BOOK},
    database::Engine,
    demo::LOG_IN_AS_ADA,
};

/// Finds the text of an editor by its file name.
const FIND_MODEL: &str = "const model = name => globalThis.__MONACO?.editor.getModels()
    .find(model => model.uri.path.endsWith(name));";

#[tokio::test(flavor = "multi_thread")]
async fn graphiql_signs_in_books_and_shows_a_subscription_live() {
    let app = App::start(Engine::Sqlite).await;
    let event = app.event("Concert", 5).await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/graphiql", app.url)).await;
    let is_there = format!("{FIND_MODEL} return !!model('operation.graphql')");
    browser.wait_for(&is_there, |there| there == &json!(true)).await;

    let result = run(&browser, LOG_IN_AS_ADA, "Ada").await;
    let signed_in: Value = serde_json::from_str(&result).unwrap();
    let token = signed_in["data"]["login"]["accessToken"].as_str().unwrap();
    let headers = json!({ "Authorization": format!("Bearer {token}") });
    write(&browser, "request-headers.json", &headers.to_string()).await;
    write(&browser, "variables.json", &json!({ "input": { "eventId": event } }).to_string()).await;
    run(&browser, BOOK, "BookEventSuccess").await;
    browser.screenshot("graphiql-booking").await;

    let subscription = format!(
        "subscription {{ remainingTickets(eventIds: [\"{event}\"]) {{ remainingTickets }} }}"
    );
    write(&browser, "variables.json", "").await;
    run(&browser, &subscription, "\"remainingTickets\": 4").await;
    app.book(&app.user().await, &event, 2).await;
    wait_for_result(&browser, "\"remainingTickets\": 2").await;
    browser.screenshot("graphiql-subscription").await;
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
    browser.close().await;
}

async fn write(browser: &Browser, editor: &str, text: &str) {
    let write = format!("{FIND_MODEL} model({editor:?}).setValue({})", json!(text));
    browser.page.execute(&write, vec![]).await.unwrap();
}

/// Writes an operation, presses the button, and waits for the expected result. Returns the result.
async fn run(browser: &Browser, operation: &str, expected: &'static str) -> String {
    write(browser, "operation.graphql", operation).await;
    let play = "document.querySelector('.graphiql-execute-button').click()";
    browser.page.execute(play, vec![]).await.unwrap();
    wait_for_result(browser, expected).await
}

async fn wait_for_result(browser: &Browser, expected: &'static str) -> String {
    let read = format!("{FIND_MODEL} return model('response.json')?.getValue()");
    let shows = move |text: &Value| text.as_str().is_some_and(|text| text.contains(expected));
    browser.wait_for(&read, shows).await;
    let result = browser.page.execute(&read, vec![]).await.unwrap();
    result.as_str().unwrap().to_owned()
}
