//! Bookings and cancellations whose answer does not arrive: the page asks again until it knows.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    booking::{count_bookings, token_of_ada},
    driver::Browser,
};
use crate::{
    app::App,
    database::Engine,
    demo::{JAZZ_NIGHT, LIMITED_CONCERT},
    proxy::{NetworkFault, Proxy},
    waiting::wait_until,
};

const CHECKING: &str = "We are checking whether your booking for Limited Concert went through…";
const BOOKED: &str = "Successfully booked Limited Concert!";
/// What the page says if it finds the booking before the answer arrives.
const FOUND_BOOKED: &str = "Limited Concert is booked.";

/// Opens the event's page as Ada, through a network that a test can break.
async fn open_limited_concert(app: &App) -> (Proxy, Browser) {
    let proxy = Proxy::to(app.address()).await;
    let browser = Browser::start(768, 900).await;
    browser.sign_in(&proxy.url(), "Ada").await;
    browser.click_label("Limited Concert").await;
    browser.expect_text(".badge", "2 tickets left").await;
    browser.expect_text(".live", "Live counts").await;
    (proxy, browser)
}

/// Books while the request can't be sent.
async fn book_without_a_network(browser: &Browser) {
    browser.set_online(false).await;
    book_without_an_answer(browser).await;
}

/// Books when no answer will come, and waits until the page says so.
async fn book_without_an_answer(browser: &Browser) {
    browser.click_book().await;
    browser.expect_text(".toast", CHECKING).await;
}

async fn expect_booked_once(app: &App, browser: &Browser) {
    browser.expect_text(".toast", BOOKED).await;
    expect_booked(app, browser).await;
}

async fn expect_booked(app: &App, browser: &Browser) {
    browser.expect_text(".yours", "You have 1 ticket.").await;
    browser.expect_text(".stub", "You're going!").await;
    assert_eq!(count_bookings(app).await, 1);
    assert_eq!(app.remaining_tickets(LIMITED_CONCERT).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_whose_answer_is_lost_once_is_shown_as_booked() {
    let app = App::start(Engine::Sqlite).await;
    let (proxy, browser) = open_limited_concert(&app).await;
    proxy.set_fault(NetworkFault::CutOnce(b"bookEvent"));
    browser.click_book().await;
    expect_booked_once(&app, &browser).await;
    assert_eq!(proxy.fault(), NetworkFault::None, "the answer was lost");
    browser.close().await;
}

/// What proxies answer in place of a server, and an answer that breaks off.
const ANSWERS_OF_PROXIES: [&str; 6] = [
    "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbad",
    "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    "HTTP/1.1 504 Gateway Timeout\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\
     connection: close\r\n\r\n{\"message\":\"timeout\"}",
    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\n\
     <html>",
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"data\":",
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 35\r\nconnection: \
     close\r\n\r\n{\"errors\":[{\"message\":\"upstream\"}]}",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_page_says_that_it_is_checking_until_a_proxy_lets_the_answer_through() {
    let app = App::start(Engine::Sqlite).await;
    let proxy = Proxy::to(app.address()).await;
    let browser = Browser::start(768, 900).await;
    browser.sign_in(&proxy.url(), "Ada").await;
    for (number, answer) in ANSWERS_OF_PROXIES.into_iter().enumerate() {
        let title = format!("Reading {number}");
        let event = app.event(&title, 5).await;
        browser.open(&format!("{}/events/{event}", proxy.url())).await;
        browser.expect_text(".who", "Ada").await;
        browser.expect_text(".badge", "5 tickets left").await;
        proxy.set_fault(NetworkFault::AnswerEach(b"bookEvent", answer));
        browser.click_book().await;
        let checking = format!("We are checking whether your booking for {title} went through…");
        browser.expect_text(".toast", &checking).await;
        browser.expect_text(".book", "Checking…").await;
        proxy.set_fault(NetworkFault::None);
        browser.expect_text(".toast", &format!("Successfully booked {title}!")).await;
        browser.expect_none(".toast + .toast").await;
        assert_eq!(app.remaining_tickets(&event).await, 4, "{answer}");
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_goes_on_when_a_server_that_was_down_is_back() {
    let app = App::start(Engine::Sqlite).await;
    let (proxy, browser) = open_limited_concert(&app).await;
    proxy.set_open(false);
    book_without_an_answer(&browser).await;
    browser.expect_text(".live", "Reconnecting; counts may be out of date").await;
    proxy.set_open(true);
    expect_booked_once(&app, &browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_bookings_tells_that_a_lost_booking_was_made() {
    let app = App::start(Engine::Sqlite).await;
    let (proxy, browser) = open_limited_concert(&app).await;
    proxy.set_fault(NetworkFault::CutEach(b"bookEvent"));
    book_without_an_answer(&browser).await;
    browser.click_label("My bookings").await;
    browser.expect_text(".booking", "Limited Concert").await;
    browser.expect_text(".toast", FOUND_BOOKED).await;
    browser.expect_none(".toast + .toast").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_never_reached_the_server_is_made_by_the_repetition() {
    let app = App::start(Engine::Sqlite).await;
    let (proxy, browser) = open_limited_concert(&app).await;
    // The connection stays open, and nothing comes back.
    proxy.set_fault(NetworkFault::Silence(b"bookEvent"));
    browser.click_book().await;
    browser.expect_text(".toast", "is taking longer than usual").await;
    expect_booked_once(&app, &browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_arrives_after_its_repetition_books_nothing_more() {
    let app = App::start(Engine::Sqlite).await;
    let (proxy, browser) = open_limited_concert(&app).await;
    let late = Duration::from_secs(1);
    proxy.set_fault(NetworkFault::CutAndDeliverLate(b"bookEvent", late));
    browser.click_book().await;
    expect_booked_once(&app, &browser).await;
    // The late attempt is counted when the server has answered it.
    wait_until(Duration::from_secs(10), "both attempts are answered", async || {
        let metrics = app.metrics().await;
        let mut requests =
            metrics.lines().filter(|line| line.starts_with("rowlock_requests_total{"));
        requests.any(|line| line.contains("operation=\"bookEvent\"") && line.ends_with(" 2"))
    })
    .await;
    assert_eq!(count_bookings(&app).await, 1);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_without_a_network_goes_on_when_the_network_is_back() {
    let app = App::start(Engine::Sqlite).await;
    let (_proxy, browser) = open_limited_concert(&app).await;
    book_without_a_network(&browser).await;
    assert_eq!(count_bookings(&app).await, 0);
    browser.set_online(true).await;
    expect_booked_once(&app, &browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_goes_on_after_a_reload_with_the_same_key() {
    let app = App::start(Engine::Sqlite).await;
    let (proxy, browser) = open_limited_concert(&app).await;
    proxy.set_fault(NetworkFault::CutEach(b"bookEvent"));
    book_without_an_answer(&browser).await;
    browser.page.refresh().await.unwrap();
    // The page's own reading shows the booking, although the answer to the attempt is still lost.
    browser.expect_text(".toast", FOUND_BOOKED).await;
    browser.expect_text(".yours", "You have 1 ticket.").await;
    proxy.set_fault(NetworkFault::None);
    let stored = "return sessionStorage.getItem('rowlock.attempts')";
    browser.wait_for(stored, |stored| stored.is_null()).await;
    assert_eq!(count_bookings(&app).await, 1);
    browser.close().await;
}

/// Makes the page wait for what a read says about bookings until the answer to one was lost.
const LOSE_A_BOOKING_BEFORE_READS: &str = "const send = window.fetch;
    let setLost;
    const isLost = new Promise(done => setLost = done);
    window.fetch = async (request, ...rest) => {
        const text = await request.clone?.().text() ?? '';
        if (text.includes('bookEvent')) {
            try {
                return await send(request, ...rest);
            } catch (error) {
                setTimeout(setLost);
                throw error;
            }
        }
        const answer = await send(request, ...rest);
        if (text.includes('myBooking')) await isLost;
        return answer;
    }";

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_began_before_an_answer_was_lost_tells_that_it_booked() {
    let app = App::start(Engine::Sqlite).await;
    let (proxy, browser) = open_limited_concert(&app).await;
    proxy.set_fault(NetworkFault::CutEach(b"bookEvent"));
    book_without_an_answer(&browser).await;
    let source = json!({ "source": LOSE_A_BOOKING_BEFORE_READS });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
    browser.page.refresh().await.unwrap();
    browser.expect_text(".toast", FOUND_BOOKED).await;
    expect_booked(&app, &browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_did_not_arrive_before_a_reload_books_after_it() {
    let app = App::start(Engine::Sqlite).await;
    let (proxy, browser) = open_limited_concert(&app).await;
    book_without_a_network(&browser).await;
    proxy.set_fault(NetworkFault::Silence(b"bookEvent"));
    browser.set_online(true).await;
    // The page repeats the request, which gets lost.
    wait_until(Duration::from_secs(10), "the request is lost", async || {
        proxy.fault() == NetworkFault::None
    })
    .await;
    browser.page.refresh().await.unwrap();
    // The answer says so, or the page's own reading if that comes first.
    let toasts = "return document.querySelector('.toasts')?.innerText";
    let says_booked = |toasts: &Value| {
        let toasts = toasts.as_str().unwrap_or_default();
        toasts.contains(BOOKED) || toasts.contains(FOUND_BOOKED)
    };
    browser.wait_for(toasts, says_booked).await;
    expect_booked(&app, &browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_that_is_refused_says_so() {
    let app = App::start(Engine::Sqlite).await;
    let (_proxy, browser) = open_limited_concert(&app).await;
    book_without_a_network(&browser).await;
    app.book(&app.user().await, LIMITED_CONCERT, 2).await;
    browser.set_online(true).await;
    browser
        .expect_text(".toast", "Sorry, tickets for Limited Concert are no longer available.")
        .await;
    browser.expect_text(".book", "Sold out").await;
    assert_eq!(count_bookings(&app).await, 1);
    browser.close().await;
}

/// Makes a minute pass by the browser's clock.
pub(super) const LET_A_MINUTE_PASS: &str = "const now = Date.now; Date.now = () => now() + 61_000";

#[tokio::test(flavor = "multi_thread")]
async fn after_a_minute_without_an_answer_the_user_can_try_again_and_is_booked_once() {
    let app = App::start(Engine::Sqlite).await;
    let (proxy, browser) = open_limited_concert(&app).await;
    proxy.set_fault(NetworkFault::CutEach(b"bookEvent"));
    book_without_an_answer(&browser).await;
    browser.evaluate(LET_A_MINUTE_PASS).await;
    browser.expect_text(".toast", "No answer yet about your booking").await;
    browser.expect_text(".unknown", "Try again: you won't be booked twice.").await;
    browser.expect_text(".book", "Try again").await;
    proxy.set_fault(NetworkFault::None);
    browser.click_try_again().await;
    expect_booked_once(&app, &browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_about_a_missing_answer_can_try_again_from_another_page() {
    let app = App::start(Engine::Sqlite).await;
    let (_proxy, browser) = open_limited_concert(&app).await;
    book_without_a_network(&browser).await;
    browser.evaluate(LET_A_MINUTE_PASS).await;
    browser.expect_text(".toast", "No answer yet about your booking").await;
    browser.click_label("Events").await;
    browser.expect_text(".notice", "We can't reach Rowlock.").await;
    browser.set_online(true).await;
    browser.click(".toast .link-button").await;
    browser.expect_text(".toast", BOOKED).await;
    assert_eq!(count_bookings(&app).await, 1);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_given_up_books_after_a_reload_only_if_the_user_tries_again() {
    let app = App::start(Engine::Sqlite).await;
    let (_proxy, browser) = open_limited_concert(&app).await;
    give_up_an_attempt(&browser).await;
    browser.set_online(true).await;
    browser.page.refresh().await.unwrap();
    browser.expect_text(".toast", "No answer yet about your booking").await;
    browser.expect_text(".live", "Live counts").await;
    browser.expect_text(".book", "Try again").await;
    assert_eq!(count_bookings(&app).await, 0);
    browser.click_try_again().await;
    expect_booked_once(&app, &browser).await;
    browser.close().await;
}

/// Keeps the page from sending bookings, as if the network had lost them.
const LOSE_BOOKINGS: &str = "window.networkFetch = window.fetch; \
    window.fetch = async (...parameters) => { \
        const request = new Request(...parameters); \
        const text = await request.clone().text(); \
        if (text.includes('bookEvent')) throw new TypeError('Failed to fetch'); \
        return window.networkFetch(request); }";

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_sends_no_attempt_of_the_session_before() {
    let app = App::start(Engine::Sqlite).await;
    let (_proxy, browser) = open_limited_concert(&app).await;
    browser.evaluate(LOSE_BOOKINGS).await;
    book_without_an_answer(&browser).await;
    browser.click_label("Sign out").await;
    browser.expect_text(".toast", "You are signed out.").await;
    browser.evaluate("window.fetch = window.networkFetch").await;
    browser.click_label("Sign in").await;
    browser.submit_sign_in("Ada").await;
    browser.expect_text(".who", "Ada").await;
    browser.expect_text(".book", "Try again").await;
    assert_eq!(count_bookings(&app).await, 0);
    browser.click_try_again().await;
    expect_booked_once(&app, &browser).await;
    browser.close().await;
}

/// Books without a network until the page gives up, so the attempt never arrives.
async fn give_up_an_attempt(browser: &Browser) {
    book_without_a_network(browser).await;
    browser.evaluate(LET_A_MINUTE_PASS).await;
    browser.expect_text(".book", "Try again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_is_tried_again_books_at_no_other_price() {
    let app = App::start(Engine::Sqlite).await;
    let (_proxy, browser) = open_limited_concert(&app).await;
    give_up_an_attempt(&browser).await;
    app.execute_sql("UPDATE events SET price_minor = 9900 WHERE title = 'Limited Concert'").await;
    browser.set_online(true).await;
    browser.click_try_again().await;
    let told = "Limited Concert: The price is now €99.00. Nothing was booked.";
    browser.expect_text(".toast", told).await;
    browser.expect_text(".total", "99.00").await;
    browser.expect_text(".book", "Book").await;
    assert_eq!(count_bookings(&app).await, 0);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_do_not_settle_an_attempt_that_the_user_tries_again() {
    let app = App::start(Engine::Sqlite).await;
    let (proxy, browser) = open_limited_concert(&app).await;
    proxy.set_fault(NetworkFault::CutEach(b"bookEvent"));
    book_without_an_answer(&browser).await;
    browser.evaluate(LET_A_MINUTE_PASS).await;
    browser.expect_text(".book", "Try again").await;
    let refuse = "const send = window.fetch; window.refused = 0;
        window.fetch = async (request, ...rest) => {
            const isBooking = (await request.clone().text()).includes('bookEvent');
            if (!isBooking || window.refused > 0) return send(request, ...rest);
            window.refused += 1;
            const error = { message: 'Too many.', extensions: { code: 'RATE_LIMITED' } };
            return new Response(JSON.stringify({ data: null, errors: [error] }));
        }";
    browser.evaluate(refuse).await;
    proxy.set_fault(NetworkFault::None);
    browser.click_try_again().await;
    expect_booked_once(&app, &browser).await;
    assert_eq!(browser.evaluate("return window.refused").await, 1);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_booking_that_was_cancelled_since_is_not_made_again() {
    let app = App::start(Engine::Sqlite).await;
    let (proxy, browser) = open_limited_concert(&app).await;
    proxy.set_fault(NetworkFault::CutEach(b"bookEvent"));
    book_without_an_answer(&browser).await;
    let token = token_of_ada(&app).await;
    let bookings = app.data(Some(&token), "{ me { bookings { nodes { id } } } }", json!({})).await;
    app.cancel(&token, bookings["me"]["bookings"]["nodes"][0]["id"].as_str().unwrap()).await;
    proxy.set_fault(NetworkFault::None);
    browser
        .expect_text(".toast", "Your booking for Limited Concert was made and then cancelled.")
        .await;
    assert_eq!(app.remaining_tickets(LIMITED_CONCERT).await, 2);

    browser.click_book().await;
    browser.expect_text(".toast", BOOKED).await;
    assert_eq!(count_bookings(&app).await, 2);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_whose_answer_is_lost_is_shown_as_cancelled() {
    let app = App::start(Engine::Sqlite).await;
    app.book(&token_of_ada(&app).await, JAZZ_NIGHT, 2).await;
    let proxy = Proxy::to(app.address()).await;
    let browser = Browser::start(768, 900).await;
    browser.sign_in(&proxy.url(), "Ada").await;
    browser.click_label("My bookings").await;
    browser.click_label("Cancel booking").await;
    proxy.set_fault(NetworkFault::CutEach(b"cancelBooking"));
    browser.click("dialog[open] .button-danger").await;
    let checking = "We are checking whether your booking for Jazz Night was cancelled…";
    browser.expect_text(".toast", checking).await;
    proxy.set_fault(NetworkFault::None);
    browser.expect_text(".toast", "Your booking for Jazz Night is cancelled.").await;
    browser.expect_text(".booking .badge", "Cancelled").await;
    assert_eq!(app.remaining_tickets(JAZZ_NIGHT).await, 80);
    browser.close().await;
}
