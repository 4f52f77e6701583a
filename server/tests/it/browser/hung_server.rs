//! A server that accepts connections and answers nothing: people see it within ten seconds.

use std::time::Duration;

use tokio::time::Instant;

use super::driver::Browser;
use crate::{
    app::App,
    database::Engine,
    demo::JAZZ_NIGHT,
    proxy::{NetworkFault, Proxy},
};

const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_shows_within_ten_seconds_that_the_server_hangs() {
    let app = App::start(Engine::Sqlite).await;
    let proxy = Proxy::to(app.address()).await;
    let browser = Browser::start(768, 900).await;
    browser.sign_in(&proxy.url(), "Ada").await;
    browser.click_label("Jazz Night").await;
    browser.expect_text(".live", "Live counts").await;
    proxy.set_fault(NetworkFault::SilenceEach);
    let hung_at = Instant::now();
    browser.click_book().await;
    browser.expect_text(".toast", "is taking longer than usual").await;
    browser.expect_text(".live", "Reconnecting; counts may be out of date").await;
    assert!(hung_at.elapsed() < LIMIT, "{:?}", hung_at.elapsed());

    proxy.set_fault(NetworkFault::None);
    browser.expect_text(".live", "Live counts").await;
    browser.expect_text(".toast", "booked").await;
    browser.expect_text(".yours", "You have 1 ticket.").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_opened_while_the_server_hangs_shows_it_within_ten_seconds() {
    let app = App::start(Engine::Sqlite).await;
    let proxy = Proxy::to(app.address()).await;
    let browser = Browser::start(768, 900).await;
    browser.open(&format!("{}/sign-in", proxy.url())).await;
    browser.expect_text("h1", "Sign in").await;
    proxy.set_fault(NetworkFault::SilenceEach);
    let hung_at = Instant::now();
    browser.submit_sign_in("Ada").await;
    let still_waiting = "The booking system is taking a long time to answer.";
    browser.expect_text(".form-refusal", still_waiting).await;
    assert!(hung_at.elapsed() < LIMIT, "{:?}", hung_at.elapsed());
    let hung_at = Instant::now();
    browser.click_label("Events").await;
    browser.expect_text(".notice", "We can't reach Rowlock.").await;
    assert!(hung_at.elapsed() < LIMIT, "{:?}", hung_at.elapsed());
    proxy.set_fault(NetworkFault::None);
    browser.click_label("Try again").await;
    browser.expect_text(".found", "12 events").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_seen_again_checks_its_connection_at_once() {
    let app = App::start(Engine::Sqlite).await;
    let proxy = Proxy::to(app.address()).await;
    let browser = Browser::start(768, 900).await;
    browser.open(&format!("{}/events/{JAZZ_NIGHT}", proxy.url())).await;
    browser.expect_text(".live", "Live counts").await;
    browser.set_visible(false).await;
    proxy.set_fault(NetworkFault::SilenceEach);
    browser.set_visible(true).await;
    let shown_at = Instant::now();
    browser.expect_text(".live", "Reconnecting; counts may be out of date").await;
    assert!(shown_at.elapsed() < LIMIT, "{:?}", shown_at.elapsed());
    browser.close().await;
}
