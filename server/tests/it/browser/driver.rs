//! Drives a browser as a person would: looks until something shows, clicks, types.

use std::{path::Path, process::Stdio, time::Duration};

use axum::http::Method;
use fantoccini::{
    Client, ClientBuilder, Locator,
    elements::Element,
    error::CmdError,
    wd::{WebDriverCompatibleCommand, WindowHandle},
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{self, Child},
    time::{Instant, sleep},
};
use url::{ParseError, Url};

pub(super) const TAB: &str = "\u{e004}";
pub(super) const ENTER: &str = "\u{e007}";
pub(super) const ESCAPE: &str = "\u{e00c}";

/// Longest wait for something that must show.
const SOON: Duration = Duration::from_secs(20);
/// How often it is looked.
const GLANCE: Duration = Duration::from_millis(25);

/// A browser with an empty profile. It goes away with its driver when this is dropped.
pub(super) struct Browser {
    pub(super) page: Client,
    driver: Child,
    _profile: TempDir,
}

/// Now and then a chromedriver ends without naming its port, perhaps since it wants the same one on IPv4 and
/// IPv6. Another start takes another port.
const STARTS: usize = 5;

/// A chromedriver and the port that it listens on.
async fn start_driver() -> (Child, String) {
    let mut said = String::new();
    for _ in 0..STARTS {
        let mut driver = process::Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // With the browser that it starts.
            .process_group(0)
            .spawn()
            .expect("chromedriver is installed: run `cargo xtask test`");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                // Read on, so that the driver never waits for us.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return (driver, port.trim_end_matches('.').to_owned());
            }
            said += &line;
            said.push('\n');
        }
        driver.wait().await.unwrap();
    }
    panic!("chromedriver doesn't start:\n{said}");
}

impl Browser {
    pub(super) async fn start(width: u32, height: u32) -> Self {
        let (driver, port) = start_driver().await;
        let profile = TempDir::new().unwrap();
        let options = json!({
            "goog:chromeOptions": { "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage",
                "--lang=en-US",
                // There is no network but the server's own.
                "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
                format!("--window-size={width},{height}"),
                format!("--user-data-dir={}", profile.path().display()),
            ] },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(options) = options else { unreachable!() };
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(options)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let browser = Self { page, driver, _profile: profile };
        browser.set_size(width, height).await;
        browser
    }

    /// The page's own size: a window is never as narrow as a phone.
    pub(super) async fn set_size(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    pub(super) async fn set_theme(&self, theme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Shows pages as to a visitor of this language in this time zone.
    pub(super) async fn set_place(&self, language: &str, zone: &str) {
        self.devtools("Emulation.setLocaleOverride", json!({ "locale": language })).await;
        self.devtools("Emulation.setTimezoneOverride", json!({ "timezoneId": zone })).await;
    }

    pub(super) async fn go(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    /// The answer of a script in the page.
    pub(super) async fn ask(&self, script: &str) -> Value {
        self.page.execute(script, vec![]).await.unwrap()
    }

    /// Asks the page until the script's answer is as wanted.
    pub(super) async fn wait_for(&self, script: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + SOON;
        loop {
            let answer = self.ask(script).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{script}\nis still {answer}");
            sleep(GLANCE).await;
        }
    }

    /// Waits until an element says this; several that match say it one after another.
    pub(super) async fn see(&self, css: &str, text: &str) {
        let script = format!(
            "return [...document.querySelectorAll({css:?})].map(e => e.innerText).join(' | ')"
        );
        let said = |said: &Value| said.as_str().is_some_and(|said| plain(said).contains(text));
        self.wait_for(&script, said).await;
    }

    /// Waits until no element matches.
    pub(super) async fn see_no(&self, css: &str) {
        let count = format!("return document.querySelectorAll({css:?}).length");
        self.wait_for(&count, |count| *count == 0).await;
    }

    /// Waits until the page's address ends so.
    pub(super) async fn see_path(&self, path: &str) {
        let script = "return location.pathname + location.search";
        self.wait_for(script, |found| found == path).await;
    }

    /// Clicks as soon as it can be: it is there, and nothing covers it.
    pub(super) async fn click(&self, css: &str) {
        self.act(Locator::Css(css), async |element| element.click().await).await;
    }

    /// Clicks the button or link that says this.
    pub(super) async fn click_on(&self, label: &str) {
        let path = format!("//*[self::a or self::button][normalize-space()='{label}']");
        self.act(Locator::XPath(&path), async |element| element.click().await).await;
    }

    /// Clicks the button that says this on the card of that event.
    pub(super) async fn click_on_card(&self, title: &str, label: &str) {
        let path = format!(
            "//*[@class='card' or starts-with(@class, 'card ')][.//h2[normalize-space()='{title}']]\
             //button[normalize-space()='{label}']"
        );
        self.act(Locator::XPath(&path), async |element| element.click().await).await;
    }

    /// Replaces what is in a form's field.
    pub(super) async fn fill(&self, field: &str, text: &str) {
        let css = format!("[name={field:?}], #{field}");
        self.act(Locator::Css(&css), async |element| {
            element.clear().await?;
            element.send_keys(text).await
        })
        .await;
    }

    /// Presses keys where the focus is.
    pub(super) async fn press(&self, keys: &str) {
        self.page.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    async fn act(&self, locator: Locator<'_>, act: impl AsyncFn(&Element) -> Result<(), CmdError>) {
        let deadline = Instant::now() + SOON;
        loop {
            let tried = match self.page.find(locator).await {
                Ok(element) => act(&element).await,
                Err(error) => Err(error),
            };
            let Err(error) = tried else { return };
            assert!(Instant::now() < deadline, "{locator:?}: {error}");
            sleep(GLANCE).await;
        }
    }

    /// Chooses a value of a select element.
    pub(super) async fn choose(&self, css: &str, value: &str) {
        let choose = format!(
            "const select = document.querySelector({css:?}); select.value = {value:?};
             select.dispatchEvent(new Event('change', {{ bubbles: true }}))"
        );
        self.ask(&choose).await;
    }

    /// Signs in by the form and waits until the header greets.
    pub(super) async fn sign_in(&self, url: &str, name: &str) {
        self.go(&format!("{url}/sign-in")).await;
        self.submit_sign_in(name).await;
        self.see(".who", name).await;
    }

    /// Fills the form in as this demo user and submits it.
    pub(super) async fn submit_sign_in(&self, name: &str) {
        let first_name = name.to_lowercase();
        self.fill("email", &format!("{first_name}@example.org")).await;
        self.fill("password", &format!("{first_name}-demo-1")).await;
        self.press(ENTER).await;
    }

    /// Holds back, for so long, the answers to what is sent with these words in it. How many were held
    /// back and are there, `window.late` tells.
    pub(super) async fn slow_down(&self, words: &str, millis: u32) {
        self.ask(&slowing(words, millis)).await;
    }

    /// Waits until so many answers that were held back are there, and the page has dealt with them.
    pub(super) async fn see_late(&self, answers: i64) {
        self.wait_for("return window.late", |late| late.as_i64() >= Some(answers)).await;
        let frame = "const done = arguments[0];
            requestAnimationFrame(() => setTimeout(done))";
        self.page.execute_async(frame, vec![]).await.unwrap();
    }

    /// Opens a tab and goes into it; gives the one that was left.
    pub(super) async fn new_tab(&self) -> WindowHandle {
        let left = self.page.window().await.unwrap();
        let opened = self.page.new_window(true).await.unwrap().handle;
        self.page.switch_to_window(opened).await.unwrap();
        left
    }

    pub(super) async fn switch_to(&self, tab: &WindowHandle) {
        self.page.switch_to_window(tab.clone()).await.unwrap();
    }

    pub(super) async fn screenshot(&self, name: &str) {
        let folder = Path::new("../target/screenshots");
        std::fs::create_dir_all(folder).unwrap();
        let picture = self.page.screenshot().await.unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    /// What the browser complained of: scripts that failed, and what the page's policy forbade.
    pub(super) async fn complaints(&self) -> Vec<String> {
        let command = Command { path: "se/log", body: json!({ "type": "browser" }) };
        let log = self.page.issue_cmd(command).await.unwrap();
        let messages = log.as_array().unwrap().iter();
        messages.filter_map(|entry| entry["message"].as_str().map(str::to_owned)).collect()
    }

    pub(super) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.page.issue_cmd(Command { path: "goog/cdp/execute", body }).await.unwrap()
    }

    pub(super) async fn close(self) {
        self.page.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    /// Also after a failed test: killed alone, the driver would leave its browser behind.
    fn drop(&mut self) {
        if let Some(id) = self.driver.id() {
            let _ = std::process::Command::new("kill").args(["--", &format!("-{id}")]).status();
        }
    }
}

/// The text with plain spaces, whatever kind its language puts where.
pub(super) fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What an event's card says of its tickets.
pub(super) fn badge(title: &str) -> String {
    format!(
        "const card = [...document.querySelectorAll('.card')]
            .find(card => card.querySelector('h2')?.textContent === {title:?});
         return card?.querySelector('.badge').textContent ?? null;"
    )
}

/// A script that holds back answers.
pub(super) fn slowing(words: &str, millis: u32) -> String {
    format!(
        "const send = window.fetch; window.late = 0;
         window.fetch = async (request, ...rest) => {{
             const slow = (await request.clone().text()).includes({words:?});
             const answer = await send(request, ...rest);
             if (slow) {{
                 await new Promise(done => setTimeout(done, {millis}));
                 setTimeout(() => window.late += 1);
             }}
             return answer;
         }};"
    )
}

/// A command that chromedriver knows beside WebDriver's own.
#[derive(Debug)]
struct Command {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!("session/{}/{}", session_id.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
