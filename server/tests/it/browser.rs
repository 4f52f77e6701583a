//! The web client and the IDE in a real Chromium, against the real server.
//!
//! Screenshots go to `target/screenshots`, for people to look at.

use std::{path::Path, process::Stdio, time::Duration};

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::{Instant, sleep},
};

use crate::app::{App, Engine};

/// Longest wait for something that must show.
const SOON: Duration = Duration::from_secs(20);

/// A browser with an empty profile. It goes away with its driver when this is dropped.
struct Browser {
    page: Client,
    driver: tokio::process::Child,
    _profile: TempDir,
}

impl Browser {
    async fn start(width: u32, height: u32) -> Self {
        let mut driver = tokio::process::Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is installed: run `cargo xtask test`");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver says its port");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        // Read on, so that the driver never waits for us.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });

        let profile = TempDir::new().unwrap();
        let options = json!({ "goog:chromeOptions": { "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage",
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.path().display()),
        ] } });
        let Value::Object(options) = options else { unreachable!() };
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(options)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self { page, driver, _profile: profile }
    }

    /// Asks the page until the script's answer is as wanted.
    async fn wait_for(&self, script: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + SOON;
        loop {
            let answer = self.page.execute(script, vec![]).await.unwrap();
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{script}\nis still {answer}");
            sleep(Duration::from_millis(25)).await;
        }
    }

    async fn screenshot(&self, name: &str) {
        let folder = Path::new("../target/screenshots");
        std::fs::create_dir_all(folder).unwrap();
        let picture = self.page.screenshot().await.unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    async fn close(mut self) {
        self.page.close().await.unwrap();
        self.driver.kill().await.unwrap();
    }
}

/// The words of an event's badge.
fn badge(title: &str) -> String {
    format!(
        "const card = [...document.querySelectorAll('.card')]
            .find(card => card.querySelector('h2')?.textContent === {title:?});
         return card?.querySelector('.badge').textContent ?? null;"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_list_shows_a_count_fall_when_another_client_books() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.page.goto(&app.url).await.unwrap();
    browser
        .wait_for("return document.querySelectorAll('.card h2').length", |cards| *cards == 12)
        .await;
    let badge = badge("Limited Concert");
    browser.wait_for(&badge, |words| *words == "2 tickets left").await;
    browser
        .wait_for("return document.querySelector('.live').textContent", |live| {
            *live == "Live counts"
        })
        .await;
    browser.screenshot("events-1280").await;

    let concert = "01990000-0000-7000-8000-000000000001";
    let users = app.users(2).await;
    let first = app.book(&users[0], concert, 1).await;
    browser.wait_for(&badge, |words| *words == "1 ticket left").await;
    app.book(&users[1], concert, 1).await;
    browser.wait_for(&badge, |words| *words == "Sold Out").await;
    browser.screenshot("events-sold-out-1280").await;
    app.cancel(&users[0], first["booking"]["id"].as_str().unwrap()).await;
    browser.wait_for(&badge, |words| *words == "1 ticket left").await;
    let errors = "return performance.getEntriesByType('resource')
        .map(entry => entry.name).filter(name => !name.startsWith(location.origin))";
    let foreign = browser.page.execute(errors, vec![]).await.unwrap();
    assert_eq!(foreign, json!([]), "nothing comes from another origin");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_list_fits_a_phone() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(375, 800).await;
    browser.page.set_window_size(375, 800).await.unwrap();
    browser.page.goto(&app.url).await.unwrap();
    browser
        .wait_for("return document.querySelectorAll('.card h2').length", |cards| *cards == 12)
        .await;
    let overflow =
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.page.execute(overflow, vec![]).await.unwrap(), 0);
    browser.screenshot("events-375").await;
    browser.close().await;
}

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
