//! Drives a browser as a person would: waits until something shows, clicks, types.

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

/// A script that keeps the names of the files that the page lets the browser save, and the texts in
/// their addresses.
pub(super) const KEEP_SAVED_LINKS: &str = "window.savedLinks = [];
    HTMLAnchorElement.prototype.click = function () {
        const text = this.href.split(',').slice(1).join(',');
        window.savedLinks.push([this.download, decodeURIComponent(text)]);
    };";

/// The longest wait for something that must show.
const WAIT_TIMEOUT: Duration = Duration::from_secs(20);
/// Time between two looks at the page.
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// A browser with an empty profile. Dropping this ends the browser and its driver.
pub(super) struct Browser {
    pub(super) page: Client,
    driver: Child,
    _profile: TempDir,
}

/// Sometimes chromedriver exits without naming its port, perhaps because it needs the same port on
/// IPv4 and IPv6. The next start takes another port.
const MAX_DRIVER_STARTS: usize = 5;

/// Starts chromedriver and returns it with the port that it listens on.
async fn start_driver() -> (Child, String) {
    let mut output = String::new();
    for _ in 0..MAX_DRIVER_STARTS {
        let mut driver = process::Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // The group also has the browser that the driver starts.
            .process_group(0)
            .spawn()
            .expect("chromedriver can't be started: run `cargo xtask test`");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                // Keep reading, so that the driver never blocks on its output.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return (driver, port.trim_end_matches('.').to_owned());
            }
            output += &line;
            output.push('\n');
        }
        driver.wait().await.unwrap();
    }
    panic!("chromedriver prints no port:\n{output}");
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
                // The browser reaches nothing but this machine.
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

    /// Sets the size of the page, because a window can't be as narrow as a phone.
    pub(super) async fn set_size(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    pub(super) async fn set_theme(&self, theme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Sets the visitor's preferred languages, separated by commas, and the time zone.
    pub(super) async fn set_locale(&self, languages: &str, zone: &str) {
        let first = languages.split(',').next();
        self.devtools("Emulation.setLocaleOverride", json!({ "locale": first })).await;
        let agent = json!({ "userAgent": "Test", "acceptLanguage": languages });
        self.devtools("Emulation.setUserAgentOverride", agent).await;
        self.devtools("Emulation.setTimezoneOverride", json!({ "timezoneId": zone })).await;
    }

    /// Hides the page as if its tab were in the background, or shows it again.
    pub(super) async fn set_visible(&self, is_visible: bool) {
        let state = if is_visible { "visible" } else { "hidden" };
        let change = format!(
            "Object.defineProperty(document, 'visibilityState',
                 {{ value: '{state}', configurable: true }});
             Object.defineProperty(document, 'hidden',
                 {{ value: {}, configurable: true }});
             document.dispatchEvent(new Event('visibilitychange', {{ bubbles: true }}))",
            !is_visible
        );
        self.evaluate(&change).await;
    }

    /// Takes the browser's network away, or gives it back.
    pub(super) async fn set_online(&self, is_online: bool) {
        self.devtools("Network.enable", json!({})).await;
        let conditions = json!({ "offline": !is_online, "latency": 0, "downloadThroughput": -1,
            "uploadThroughput": -1 });
        self.devtools("Network.emulateNetworkConditions", conditions).await;
    }

    pub(super) async fn open(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    /// Runs a script in the page and returns its result.
    pub(super) async fn evaluate(&self, script: &str) -> Value {
        self.page.execute(script, vec![]).await.unwrap()
    }

    /// Runs a script again and again until its result is the wanted one.
    pub(super) async fn wait_for(
        &self,
        script: &str,
        is_expected: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        loop {
            let answer = self.evaluate(script).await;
            if is_expected(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{script}\nis still {answer}");
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits until the text of the matching elements, joined in their order, has these words.
    pub(super) async fn expect_text(&self, css: &str, text: &str) {
        let script = format!(
            "return [...document.querySelectorAll({css:?})].map(e => e.innerText).join(' | ')"
        );
        let shows_text = |shown: &Value| {
            shown.as_str().is_some_and(|shown| with_plain_spaces(shown).contains(text))
        };
        self.wait_for(&script, shows_text).await;
    }

    /// Waits until no element matches.
    pub(super) async fn expect_none(&self, css: &str) {
        let count = format!("return document.querySelectorAll({css:?}).length");
        self.wait_for(&count, |count| *count == 0).await;
    }

    /// Waits until the page's address ends with this path.
    pub(super) async fn expect_path(&self, path: &str) {
        let script = "return location.pathname + location.search";
        self.wait_for(script, |found| found == path).await;
    }

    /// Clicks an element as soon as it exists and nothing covers it.
    pub(super) async fn click(&self, css: &str) {
        self.retry_on_element(Locator::Css(css), async |element| element.click().await).await;
    }

    /// Clicks the button or link with this label.
    pub(super) async fn click_label(&self, label: &str) {
        let path = format!("//*[self::a or self::button][normalize-space()='{label}']");
        self.click_path(&path).await;
    }

    /// Clicks the element at this XPath.
    pub(super) async fn click_path(&self, path: &str) {
        self.retry_on_element(Locator::XPath(path), async |element| element.click().await).await;
    }

    /// Clicks the button that books: the event's on its page, and the first card's in a list. On a
    /// narrow screen, it is in the bar below the page.
    pub(super) async fn click_book(&self) {
        let click = "const own = [...document.querySelectorAll('.buy > .book, .buy-bar .book')];
            const cards = [...document.querySelectorAll('.event-card .book')];
            const books = button => button.offsetParent && button.ariaDisabled === 'false'
                && /^Book( now| [0-9])/.test(button.innerText);
            const button = (own.length ? own : cards).find(books);
            button?.click();
            return Boolean(button)";
        self.wait_for(click, |is_clicked| *is_clicked == true).await;
    }

    /// Clicks the button that tries again to book, which narrow screens have below the page.
    pub(super) async fn click_try_again(&self) {
        let click = "const shown = [...document.querySelectorAll('.book')]
                .find(button => button.offsetParent && button.innerText === 'Try again');
            shown?.click();
            return Boolean(shown)";
        self.wait_for(click, |is_clicked| *is_clicked == true).await;
    }

    /// Clicks the button with this label on the card of that event.
    pub(super) async fn click_on_card(&self, title: &str, label: &str) {
        let path = format!(
            "//*[@class='card' or starts-with(@class, 'card ')]\
             [.//*[self::h2 or self::h3][normalize-space()='{title}']]\
             //button[normalize-space()='{label}']"
        );
        self.click_path(&path).await;
    }

    /// Replaces the text of a form's field.
    pub(super) async fn fill(&self, field: &str, text: &str) {
        let css = format!("[name={field:?}], #{field}");
        self.retry_on_element(Locator::Css(&css), async |element| {
            element.clear().await?;
            element.send_keys(text).await
        })
        .await;
    }

    /// Sends keys to the focused element.
    pub(super) async fn press(&self, keys: &str) {
        self.page.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    async fn retry_on_element(
        &self,
        locator: Locator<'_>,
        action: impl AsyncFn(&Element) -> Result<(), CmdError>,
    ) {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        loop {
            let result = match self.page.find(locator).await {
                Ok(element) => action(&element).await,
                Err(error) => Err(error),
            };
            let Err(error) = result else { return };
            assert!(Instant::now() < deadline, "{locator:?}: {error}");
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Chooses a value of a select element.
    pub(super) async fn choose(&self, css: &str, value: &str) {
        let choose = format!(
            "const select = document.querySelector({css:?}); select.value = {value:?};
             select.dispatchEvent(new Event('change', {{ bubbles: true }}))"
        );
        self.evaluate(&choose).await;
    }

    /// Signs in through the form and waits until the header shows the name.
    pub(super) async fn sign_in(&self, url: &str, name: &str) {
        self.open(&format!("{url}/sign-in")).await;
        self.submit_sign_in(name).await;
        self.expect_text(".who", name).await;
    }

    /// Fills in the sign-in form for this demo user and submits it.
    pub(super) async fn submit_sign_in(&self, name: &str) {
        let first_name = name.to_lowercase();
        self.fill("email", &format!("{first_name}@example.org")).await;
        self.fill("password", &format!("{first_name}-demo-1")).await;
        self.press(ENTER).await;
    }

    /// Delays the answers to requests that contain `request_text`. `window.delayedAnswers` counts
    /// the delayed answers that have arrived.
    pub(super) async fn delay_answers(&self, request_text: &str, millis: u32) {
        self.evaluate(&delay_script(request_text, millis)).await;
    }

    /// Holds the answers to requests that contain `request_text` until
    /// [`Self::release_answers`].
    pub(super) async fn hold_answers(&self, request_text: &str) {
        let hold = format!(
            "const send = window.fetch; window.delayedAnswers = 0; window.heldAnswers = [];
             window.fetch = async (request, ...rest) => {{
                 const isHeld = (await request.clone?.().text())?.includes({request_text:?});
                 const answer = await send(request, ...rest);
                 if (isHeld) {{
                     await new Promise(done => window.heldAnswers.push(done));
                     setTimeout(() => window.delayedAnswers += 1);
                 }}
                 return answer;
             }};"
        );
        self.evaluate(&hold).await;
    }

    /// Lets the page have the answers that are held, of which there must be this many.
    pub(super) async fn release_answers(&self, answers: i64) {
        self.wait_for("return window.heldAnswers.length", |held| held.as_i64() == Some(answers))
            .await;
        self.evaluate("window.heldAnswers.forEach(release => release())").await;
        self.wait_for_delayed_answers(answers).await;
    }

    /// Waits until this many delayed answers have arrived and the page has handled them.
    pub(super) async fn wait_for_delayed_answers(&self, answers: i64) {
        self.wait_for("return window.delayedAnswers", |late| late.as_i64() >= Some(answers)).await;
        let frame = "const done = arguments[0];
            requestAnimationFrame(() => setTimeout(done))";
        self.page.execute_async(frame, vec![]).await.unwrap();
    }

    /// Lets [`Self::hold_socket_messages`] work on pages that are opened from now on.
    pub(super) async fn let_tests_hold_socket_messages(&self) {
        let source = "window.heldMessages = null;
            const listener = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage');
            Object.defineProperty(WebSocket.prototype, 'onmessage', { set(handle) {
                listener.set.call(this, handle && (event => {
                    if (window.heldMessages) window.heldMessages.push(() => handle(event));
                    else handle(event);
                }));
            } });";
        let parameters = json!({ "source": source });
        self.devtools("Page.addScriptToEvaluateOnNewDocument", parameters).await;
    }

    /// Holds what the server sends over sockets, as a slow network would.
    pub(super) async fn hold_socket_messages(&self) {
        self.evaluate("window.heldMessages = []").await;
    }

    /// Delivers the messages that were held.
    pub(super) async fn release_socket_messages(&self) {
        let release = "const held = window.heldMessages; window.heldMessages = null;
            held.forEach(deliver => deliver())";
        self.evaluate(release).await;
    }

    /// Opens a tab and switches to it. Returns the previous one.
    pub(super) async fn new_tab(&self) -> WindowHandle {
        let previous = self.page.window().await.unwrap();
        let new = self.page.new_window(true).await.unwrap().handle;
        self.page.switch_to_window(new).await.unwrap();
        previous
    }

    pub(super) async fn switch_to(&self, tab: &WindowHandle) {
        self.page.switch_to_window(tab.clone()).await.unwrap();
    }

    pub(super) async fn screenshot(&self, name: &str) {
        let folder = Path::new("../target/screenshots");
        std::fs::create_dir_all(folder).unwrap();
        let image = self.page.screenshot().await.unwrap();
        std::fs::write(folder.join(format!("{name}.png")), image).unwrap();
    }

    /// The browser's complaints: scripts that failed, and violations of the page's policy.
    pub(super) async fn console_messages(&self) -> Vec<String> {
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
    /// Kills the whole group, because a driver that is killed alone leaves its browser behind.
    fn drop(&mut self) {
        if let Some(id) = self.driver.id() {
            let _ = std::process::Command::new("kill").args(["--", &format!("-{id}")]).status();
        }
    }
}

/// The text with plain spaces in place of those that its language prefers.
pub(super) fn with_plain_spaces(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A script that returns the text of the badge on an event's card.
pub(super) fn badge_script(title: &str) -> String {
    format!(
        "const card = [...document.querySelectorAll('.card')]
            .find(card => card.querySelector('h2')?.textContent === {title:?});
         return card?.querySelector('.badge').textContent ?? null;"
    )
}

/// A script that delays answers.
pub(super) fn delay_script(request_text: &str, millis: u32) -> String {
    format!(
        "const send = window.fetch; window.delayedAnswers = 0;
         window.fetch = async (request, ...rest) => {{
             const isDelayed = (await request.clone?.().text())?.includes({request_text:?});
             const answer = await send(request, ...rest);
             if (isDelayed) {{
                 await new Promise(done => setTimeout(done, {millis}));
                 setTimeout(() => window.delayedAnswers += 1);
             }}
             return answer;
         }};"
    )
}

/// A command that chromedriver adds to those of WebDriver.
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
