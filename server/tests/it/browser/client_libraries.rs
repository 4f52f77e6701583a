//! urql and Apollo Client with their default options in a page, of the server's own origin and of
//! another one. `server/tests/clients/page.mjs` has the page's code.

use std::{env, fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command};
use tower_http::services::ServeDir;

use super::driver::Browser;
use crate::{app::App, database::Engine, proxy::Proxy};

const CLIENTS: [&str; 4] = ["urql", "urql with a socket", "apollo", "apollo with a socket"];

/// Makes a folder with a page that has the client libraries.
async fn build_page(folder: &Path) {
    let clients = env::var("TEST_CLIENTS")
        .expect("TEST_CLIENTS names the folder with the clients: run `cargo xtask test`");
    let mut esbuild = Command::new("node_modules/.bin/esbuild");
    let bundle = format!("--outfile={}", folder.join("assets/page.js").display());
    esbuild.current_dir(clients).args(["page.mjs", "--bundle", "--format=esm", &bundle]);
    let output = esbuild.arg("--log-level=warning").output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = r#"<!doctype html><script type="module" src="/assets/page.js"></script>"#;
    fs::write(folder.join("index.html"), page).unwrap();
}

/// Walks through everything with each library, in a page at `page`.
async fn walk(app: &App, proxy: &Proxy, page: &str, credentials: Option<&str>) {
    let event = app.event("Concert", 5).await;
    let browser = Browser::start(800, 600).await;
    browser.open(page).await;
    browser.wait_for("return !!window.walk", |is_loaded| *is_loaded == true).await;
    let mut options = json!({ "url": format!("{}/graphql", proxy.url()) });
    if let Some(credentials) = credentials {
        options["credentials"] = credentials.into();
    }
    for client in CLIENTS {
        let start = format!("window.walk({}, {options}, {})", json!(client), json!(event));
        browser.evaluate(&start).await;
        let state = "return window.outcome ?? (window.isWaitingForBreak ? 'break' : null)";
        let waiting = browser.wait_for(state, |state| !state.is_null()).await;
        assert_eq!(waiting, "break", "{client}");
        proxy.cut_connections();
        browser.evaluate("window.goOn()").await;
        let outcome = "return window.outcome";
        let outcome: Value = browser.wait_for(outcome, |outcome| !outcome.is_null()).await;
        assert_eq!(outcome, "done", "{client}");
    }
    browser.close().await;
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_libraries_work_in_a_page_of_the_servers_origin() {
    let folder = TempDir::new().unwrap();
    build_page(folder.path()).await;
    let web_dir = ["--web-dir", folder.path().to_str().unwrap()];
    let app = App::start_with(Engine::Sqlite, &web_dir).await;
    let proxy = Proxy::to(app.address()).await;
    walk(&app, &proxy, &proxy.url(), None).await;
}

/// Serves the page on a port of its own, and walks from there. `host` is a name of this machine.
async fn walk_from(host: &str, flags: &[&str]) {
    let folder = TempDir::new().unwrap();
    build_page(folder.path()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shop = format!("http://{host}:{}", listener.local_addr().unwrap().port());
    let files = axum::Router::new().fallback_service(ServeDir::new(folder.path()));
    tokio::spawn(async { axum::serve(listener, files).await.unwrap() });
    let flags = [&["--allowed-origins", &shop], flags].concat();
    let app = App::start_with(Engine::Sqlite, &flags).await;
    let proxy = Proxy::to(app.address()).await;
    walk(&app, &proxy, &shop, Some("include")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_libraries_work_in_a_page_of_an_allowed_origin() {
    walk_from("127.0.0.1", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_libraries_work_in_a_page_of_another_site_if_the_setting_lets_them() {
    walk_from("localhost", &["--refresh-cookie-same-site", "none"]).await;
}
