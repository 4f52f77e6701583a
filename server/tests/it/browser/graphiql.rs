//! GraphiQL in the browser.

use serde_json::{Value, json};

use super::driver::Browser;
use crate::{
    app::{App, BOOK},
    database::Engine,
    demo::LOG_IN_AS_ADA,
};

/// Finds the content of one of GraphiQL's editors by its name.
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

const TABS: &str =
    "return [...document.querySelectorAll('.graphiql-tab-button')].map(tab => tab.textContent)";

/// Opens GraphiQL with this query in the address, and waits until it is there.
async fn open(browser: &Browser, app: &App, query: &str) {
    browser.open(&format!("{}/graphiql{query}", app.url)).await;
    let is_there = format!("{FIND_MODEL} return !!model('operation.graphql')");
    browser.wait_for(&is_there, |there| there == &json!(true)).await;
}

async fn select_tab(browser: &Browser, title: &str) {
    browser.click(&format!(".graphiql-tab-button[title='{title}']")).await;
    let query = format!("{FIND_MODEL} return model('operation.graphql').getValue()");
    let name = format!(" {title}(");
    browser
        .wait_for(&query, |query| query.as_str().is_some_and(|query| query.contains(&name)))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn graphiql_opens_with_tabs_that_lead_from_signing_in_to_booking() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    open(&browser, &app, "").await;
    browser.wait_for(TABS, |tabs| *tabs == json!(["SignIn", "Look", "Watch", "Book"])).await;
    browser.screenshot("graphiql-first-tabs").await;

    let signed_in: Value = serde_json::from_str(&press_play(&browser, "Ada").await).unwrap();
    let token = signed_in["data"]["login"]["accessToken"].as_str().unwrap();
    select_tab(&browser, "Look").await;
    press_play(&browser, "\"title\": \"Jazz Night\"").await;
    select_tab(&browser, "Watch").await;
    press_play(&browser, "\"remainingTickets\": 80").await;
    select_tab(&browser, "Book").await;
    press_play(&browser, "UNAUTHENTICATED").await;
    let headers = json!({ "Authorization": format!("Bearer {token}") });
    write(&browser, "request-headers.json", &headers.to_string()).await;
    press_play(&browser, "\"remainingTickets\": 78").await;
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn graphiql_keeps_a_visitors_own_tabs() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    open(&browser, &app, "").await;
    select_tab(&browser, "Look").await;
    write(&browser, "operation.graphql", "query Mine { me { name } }").await;
    let stored = "return localStorage.getItem('graphiql:tabState')";
    browser
        .wait_for(stored, |stored| stored.as_str().is_some_and(|stored| stored.contains("Mine")))
        .await;
    open(&browser, &app, "").await;
    browser.wait_for(TABS, |tabs| *tabs == json!(["SignIn", "Mine", "Watch", "Book"])).await;
    press_play(&browser, "\"me\": null").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_its_operation_in_graphiql() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let query = "query%20First%28%24first%3AInt%21%29%7Bevents%28first%3A%24first%29%7Bnodes%7B\
        title%7D%7D%7D%0Aquery%20Second%7Bme%7Bname%7D%7D";
    let variables = "%7B%22first%22%3A1%7D";
    for visit in ["first visit", "later visit"] {
        let link = format!("?query={query}&variables={variables}&operationName=First");
        open(&browser, &app, &link).await;
        let tabs = browser.evaluate(TABS).await;
        assert!(tabs.as_array().unwrap().contains(&json!("First")), "{visit}: {tabs}");
        let result: Value = serde_json::from_str(&press_play(&browser, "\"title\"").await).unwrap();
        assert_eq!(result["data"]["events"]["nodes"].as_array().unwrap().len(), 1, "{visit}");
    }
    let link = format!("?query={query}&variables={variables}&operationName=Second");
    open(&browser, &app, &link).await;
    press_play(&browser, "\"me\": null").await;
    // The other tabs work as ever.
    select_tab(&browser, "Look").await;
    press_play(&browser, "\"totalCount\": 12").await;
    browser.close().await;
}

async fn write(browser: &Browser, editor: &str, text: &str) {
    let write = format!("{FIND_MODEL} model({editor:?}).setValue({})", json!(text));
    browser.page.execute(&write, vec![]).await.unwrap();
}

/// Writes an operation, presses play, and returns the result once it has the expected text.
async fn run(browser: &Browser, operation: &str, expected: &'static str) -> String {
    write(browser, "operation.graphql", operation).await;
    press_play(browser, expected).await
}

/// Runs the operation in the editor, and returns the result once it has the expected text.
async fn press_play(browser: &Browser, expected: &'static str) -> String {
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
