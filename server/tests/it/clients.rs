//! Third-party clients against the running server. `server/tests/clients` has a script for each
//! one, and `cargo xtask test` installs them from there.

use std::{env, io::Write, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::{app::App, database::Engine};

/// Two scripts send thousands of requests.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(300);

/// Runs one of the scripts. It fails if the client gets an unexpected answer.
async fn run_script(script: &str) {
    run_script_against(App::start(Engine::Postgres).await, script).await;
}

async fn run_script_against(app: App, script: &str) {
    let folder = env::var("TEST_CLIENTS")
        .expect("TEST_CLIENTS names the folder with the clients: run `cargo xtask test`");
    let (token, event) = (app.user().await, app.event("Concert", 5).await);
    let mut node = Command::new("node");
    node.arg(script).current_dir(folder).kill_on_drop(true);
    node.env("SCHEMA", std::path::absolute("../schema.graphql").unwrap());
    node.env("URL", format!("{}/graphql", app.url)).env("TOKEN", token).env("EVENT", event);
    let output =
        timeout(SCRIPT_TIMEOUT, node.output()).await.expect("the script ends in time").unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    assert!(output.status.success(), "{printed}");
    // Tests' own output is hidden, but what a script has counted is worth seeing.
    std::io::stdout().write_all(printed.as_bytes()).unwrap();
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graphql_over_http_audit_passes() {
    run_script("graphql-http.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn graphql_ws_runs_several_operations_on_a_socket() {
    run_script("graphql-ws.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn graphql_sse_subscribes_over_http() {
    run_script("graphql-sse.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apollo_client_queries_books_refreshes_and_subscribes() {
    run_script("apollo.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn urql_queries_books_and_subscribes() {
    run_script("urql.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn urql_and_apollo_client_keep_a_session_with_their_default_options() {
    run_script("session.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_compiles_pages_and_refetches_by_id() {
    run_script("relay.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn graphql_codegen_generates_types_from_the_schema() {
    run_script("codegen.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn breaking_schema_changes_are_declared() {
    run_script("schema-changes.mjs").await;
}

/// A script's documents may be larger, and come faster, than those of clients.
const LARGE_DOCUMENTS: [&str; 6] = [
    "--max-query-tokens=20000",
    "--max-query-selections=20000",
    "--max-query-complexity=20000",
    "--max-query-depth=30",
    "--bookings-per-minute-per-user=60000",
    "--work-ms-per-second-per-address=100000",
];

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_valid_where_graphql_js_says_so() {
    let app = App::start_with(Engine::Postgres, &LARGE_DOCUMENTS).await;
    run_script_against(app, "validation.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_valid_against_the_schema() {
    let app = App::start_with(Engine::Postgres, &LARGE_DOCUMENTS).await;
    run_script_against(app, "answers.mjs").await;
}
