//! A database that is away, at the start or later, and connections that break.

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use crate::{
    app::{App, BOOK, code_and_fields},
    database::{Engine, new_database, postgres_admin},
    demo::LOG_IN_AS_ADA,
    proxy::{Cut, Proxy},
    socket::{MODERN, Socket, WATCH},
    waiting::wait_until,
};

async fn behind_a_proxy(open: bool, flags: &[&str]) -> (App, Proxy) {
    let folder = TempDir::new().unwrap();
    let mut url = Url::parse(&new_database(Engine::Postgres, &folder).await).unwrap();
    let proxy = Proxy::to(&format!("{}:{}", url.host().unwrap(), url.port().unwrap())).await;
    proxy.set_open(open);
    url.set_port(Some(proxy.port)).unwrap();
    let app = App::start_on(url.into(), folder, flags).await;
    (app, proxy)
}

/// How long a recovery may take.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// Waits until lists are answered.
async fn until_answered(app: &App) {
    wait_until(RECOVERY_TIMEOUT, "lists are answered", async || {
        app.send(None, LIST, json!({})).await.get("errors").is_none()
    })
    .await;
}

async fn ready(app: &App) -> bool {
    app.get("/readyz").send().await.unwrap().status().is_success()
}

const LIST: &str = "{ events { nodes { title } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_at_the_start_is_unavailable_and_then_there() {
    let (app, proxy) = behind_a_proxy(false, &[]).await;
    let error = app.error(None, LIST, json!({})).await;
    assert_eq!(code_and_fields(&error).0, "UNAVAILABLE");
    assert!(error["extensions"]["retryAfter"].as_i64().unwrap() >= 1);
    assert!(!ready(&app).await);
    proxy.set_open(true);
    wait_until(RECOVERY_TIMEOUT, "the server is ready", async || ready(&app).await).await;
    until_answered(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_later_is_unavailable_and_then_there() {
    let (app, proxy) = behind_a_proxy(true, &[]).await;
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    app.book(&user, &event, 1).await;
    proxy.set_open(false);
    wait_until(RECOVERY_TIMEOUT, "the server is unready", async || !ready(&app).await).await;
    let book = json!({ "input": { "eventId": event } });
    for (query, variables) in [
        (LIST, json!({})),
        (BOOK, book),
        (
            "mutation { login(input: { email: \"ada@example.org\", password: \"x\" }) { accessToken } }",
            json!({}),
        ),
    ] {
        // At once, once it is known: nobody waits for a connection that can't come.
        let answer =
            timeout(Duration::from_secs(8), app.error(Some(&user), query, variables)).await;
        let error = answer.expect("an answer in time");
        assert_eq!(code_and_fields(&error).0, "UNAVAILABLE", "{query}: {error}");
    }
    proxy.set_open(true);
    until_answered(&app).await;
    wait_until(RECOVERY_TIMEOUT, "bookings are answered", async || {
        let other = app.send(Some(&user), BOOK, json!({ "input": { "eventId": event } })).await;
        other["data"]["bookEvent"]["__typename"] == "AlreadyBooked"
    })
    .await;
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_whose_connection_is_lost_at_commit_is_answered_with_the_truth() {
    let (app, proxy) = behind_a_proxy(true, &[]).await;
    let event = app.event("Concert", 5).await;
    let mut socket = Socket::open(&app.url, MODERN, json!({})).await;
    socket.start(WATCH, json!({ "ids": [event] })).await;
    assert_eq!(socket.next_remaining().await, 5);
    for round in 1..=3 {
        let user = app.user().await;
        proxy.set_cut(Cut::Once(b"COMMIT"));
        let booked = app.book(&user, &event, 1).await;
        assert_eq!(booked["__typename"], "BookEventSuccess");
        assert_eq!(proxy.cut(), Cut::Never, "it was cut");
        assert_eq!(app.remaining(&event).await, 5 - round, "booked once");
        assert_eq!(socket.next_remaining().await, 5 - round, "and those who watch know it");
        let id = booked["booking"]["id"].as_str().unwrap();
        if round == 3 {
            proxy.set_cut(Cut::Once(b"COMMIT"));
            assert_eq!(app.cancel(&user, id).await["booking"]["status"], "CANCELLED");
            assert_eq!(app.remaining(&event).await, 3, "returned once");
            assert_eq!(socket.next_remaining().await, 3);
        }
    }
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_arrives_late_is_waited_for() {
    let (app, proxy) = behind_a_proxy(true, &[]).await;
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    // Longer than a lock is waited for.
    proxy.set_cut(Cut::Late(b"COMMIT", Duration::from_secs(4)));
    let booked = app.book(&user, &event, 2).await;
    assert_eq!(booked["__typename"], "BookEventSuccess", "{booked}");
    assert_eq!(proxy.cut(), Cut::Never, "it was cut");
    assert_eq!(app.remaining(&event).await, 3, "booked once");
    app.assert_nothing_oversold().await;
}

/// However long a network that lost a connection without a word takes to tell so.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_falls_silent_keeps_nobody_waiting_for_ever() {
    let (app, proxy) = behind_a_proxy(true, &["--database-read-connections", "2"]).await;
    let event = app.event("Concert", 1).await;
    let users = app.users(3).await;
    app.book(&users[0], &event, 1).await;

    // The look at what is sold out meets it: the transaction after it tells the truth.
    proxy.set_cut(Cut::Silence(b"FROM \"events\""));
    assert_eq!(app.book(&users[1], &event, 1).await["__typename"], "SoldOut");
    assert_eq!(proxy.cut(), Cut::Never, "it fell silent");

    // A shared read meets it, and with it those who ask for the same meanwhile. So does another one, and
    // there is no connection left.
    proxy.set_cut(Cut::Silence(b"starts_at"));
    let asked = Instant::now();
    let other = async {
        let is_silent = async || proxy.cut() == Cut::Never;
        wait_until(RECOVERY_TIMEOUT, "the connection is silent", is_silent).await;
        proxy.set_cut(Cut::Silence(b"starts_at"));
        app.error(None, "{ events(search: \"rare\") { nodes { title } } }", json!({})).await
    };
    let (first, second, other) = futures_util::join!(
        app.error(None, LIST, json!({})),
        app.send(None, LIST, json!({})),
        other
    );
    assert_eq!(code_and_fields(&first).0, "UNAVAILABLE", "{first}");
    assert_eq!(code_and_fields(&other).0, "UNAVAILABLE", "{other}");
    // It began later, and may have got the connection that was left.
    assert!(
        second["errors"].is_null() || second["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    );
    until_answered(&app).await;
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_postgres_ends_are_replaced() {
    let app = App::start(Engine::Postgres).await;
    let event = app.event("Concert", 5).await;
    let database = app.database_url.rsplit_once('/').unwrap().1.to_owned();
    for user in app.users(3).await {
        app.book(&user, &event, 1).await;
        postgres_admin(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        ))
        .await;
        app.data(None, LIST, json!({})).await;
    }
    assert_eq!(app.remaining(&event).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_whose_connection_falls_silent_ends_and_gives_its_connection_up() {
    let (app, proxy) = behind_a_proxy(true, &["--database-write-connections", "1"]).await;
    proxy.set_cut(Cut::Silence(b"INSERT INTO \"sessions\""));
    let answer = timeout(Duration::from_secs(20), app.error(None, LOG_IN_AS_ADA, json!({}))).await;
    assert_eq!(code_and_fields(&answer.expect("an answer in time")).0, "UNAVAILABLE");
    // The only connection that writes is another one now.
    let (event, user) = (app.event("Concert", 5).await, app.user().await);
    assert_eq!(app.book(&user, &event, 1).await["__typename"], "BookEventSuccess");
    app.data(None, LOG_IN_AS_ADA, json!({})).await;
}

/// What is named as a standby and is none is told of, and not asked.
#[tokio::test(flavor = "multi_thread")]
async fn lists_come_from_the_primary_where_the_standby_is_none() {
    let folder = TempDir::new().unwrap();
    let no_standby = new_database(Engine::Postgres, &folder).await;
    let nobody = "postgres://rowlock@127.0.0.1:1/rowlock".to_owned();
    for named in [no_standby, nobody] {
        let app = App::start_with(Engine::Postgres, &["--database-replica-url", &named]).await;
        for round in 0..3 {
            let title = format!("Only at the primary {round}");
            app.event(&title, 5).await;
            let found = app.data(None, "{ events(search: \"primary\") { totalCount } }", json!({}));
            let found = timeout(Duration::from_secs(5), found).await.expect("an answer in time");
            assert_eq!(found["events"]["totalCount"], round + 1);
            // So that the watch over the standby has looked at it.
            sleep(Duration::from_millis(600)).await;
        }
        assert!(app.metrics().await.contains("rowlock_standby_up 0"));
    }
}
