//! Several servers on one PostgreSQL tell each other about changed counts.

use std::{process::Stdio, time::Duration};

use futures_util::future::join_all;
use rowlock::live::TicketCount;
use rowlock_entities::EventId;
use sea_orm::{
    ConnectionTrait,
    sqlx::{self, postgres::PgListener},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, timeout};
use url::Url;

use crate::{
    app::{App, BOOK, refresh_cookie},
    cluster::Cluster,
    database::{Engine, postgres_admin, postgres_url, prepare},
    demo::JAZZ_NIGHT,
    program::rowlock_command,
    proxy::Proxy,
    socket::{MODERN_PROTOCOL, Socket, WATCH_COUNTS},
    waiting::wait_until,
};

async fn two_servers() -> (App, App) {
    let first = App::start(Engine::Postgres).await;
    let second = first.start_second_server().await;
    wait_until_listening(&first, 2).await;
    (first, second)
}

/// Waits until this many servers listen to each other.
async fn wait_until_listening(app: &App, servers: i64) {
    let condition = format!("{servers} servers listen");
    wait_until(Duration::from_secs(20), &condition, async || {
        listening_servers(app).await >= servers
    })
    .await;
}

const LISTENING_SESSIONS: &str = "FROM pg_stat_activity WHERE datname = current_database() \
    AND query LIKE 'LISTEN%'";

async fn listening_servers(app: &App) -> i64 {
    let count = format!("SELECT count(*) {LISTENING_SESSIONS}");
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, count);
    let row = app.db().query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// Watches one event, or all events. Returns after the current count of the one event has arrived.
async fn watch_counts(app: &App, event: Option<&str>) -> Socket {
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_COUNTS, json!({ "ids": event.map(|event| [event]) })).await;
    if event.is_some() {
        socket.next_result().await;
    }
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_count_reaches_subscribers_of_another_server() {
    let (first, second) = two_servers().await;
    let event = first.event("Concert", 5).await;
    let (mut one_event, mut all_events) =
        (watch_counts(&second, Some(&event)).await, watch_counts(&second, None).await);
    // This subscription has no first result, but the answer to a query on the same socket comes
    // only after the subscription has begun.
    all_events.run("{ __typename }", json!({})).await;
    for (user, remaining) in first.users(2).await.iter().zip([3, 1]) {
        let booked = first.book(user, &event, 2).await;
        assert_eq!(one_event.next_remaining_tickets().await, remaining);
        assert_eq!(all_events.next_remaining_tickets().await, remaining);
        if remaining == 1 {
            second.cancel(user, booked["booking"]["id"].as_str().unwrap()).await;
            assert_eq!(one_event.next_remaining_tickets().await, 3);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn installations_in_schemas_of_one_database_do_not_hear_each_other() {
    let first = App::start(Engine::Postgres).await;
    first.execute_sql("CREATE SCHEMA other").await;
    let url = format!("{}?options=-csearch_path%3Dother%2Cpublic", first.database_url);
    prepare(&url).await;
    let other = App::start_on(url, TempDir::new().unwrap(), &[]).await;
    wait_until_listening(&first, 2).await;
    // The demo event has the same id in both.
    let mut here = watch_counts(&first, Some(JAZZ_NIGHT)).await;
    let mut there = watch_counts(&other, Some(JAZZ_NIGHT)).await;
    for (user, booked) in first.users(5).await.iter().zip(1..) {
        first.book(user, JAZZ_NIGHT, 1).await;
        assert_eq!(here.next_remaining_tickets().await, 80 - booked);
    }
    // The first message on each socket is about its own booking.
    other.book(&other.user().await, JAZZ_NIGHT, 10).await;
    assert_eq!(there.next_remaining_tickets().await, 70);
    first.book(&first.user().await, JAZZ_NIGHT, 1).await;
    assert_eq!(here.next_remaining_tickets().await, 74);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lost_its_listening_connection_misses_no_count() {
    let (first, second) = two_servers().await;
    let event = first.event("Concert", 5).await;
    let mut socket = watch_counts(&second, Some(&event)).await;
    let users = first.users(2).await;
    first.execute_sql(&format!("SELECT pg_terminate_backend(pid) {LISTENING_SESSIONS}")).await;
    // The second server does not listen now, or has only just begun again.
    first.book(&users[0], &event, 1).await;
    assert_eq!(socket.next_remaining_tickets().await, 4);
    wait_until_listening(&first, 2).await;
    first.book(&users[1], &event, 1).await;
    assert_eq!(socket.next_remaining_tickets().await, 3);
}

/// Sets an event's count, as a restored backup or an asynchronous failover would.
async fn set_count(app: &App, event: &str, remaining: i32, version: i32) {
    app.execute_sql_keeping_counts(&format!(
        "UPDATE events SET remaining_tickets = {remaining}, count_version = {version} \
         WHERE id = '{event}'"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_database_became_older_open_pages_show_its_counts() {
    let (first, second) = two_servers().await;
    let (event, other) = (first.event("Concert", 9).await, first.event("Play", 9).await);
    let mut watching =
        [watch_counts(&first, Some(&event)).await, watch_counts(&second, Some(&event)).await];
    for (user, left) in first.users(2).await.iter().zip([8, 7]) {
        first.book(user, &event, 1).await;
        for socket in &mut watching {
            assert_eq!(socket.next_remaining_tickets().await, left);
        }
    }
    let mut all_events = watch_counts(&second, None).await;
    all_events.run("{ __typename }", json!({})).await;
    let user = first.user().await;
    first.book(&user, &event, 4).await;
    for socket in watching.iter_mut().chain([&mut all_events]) {
        assert_eq!(socket.next_remaining_tickets().await, 3);
    }

    // Without a broken connection, a lower version is an older count. It is dropped by the same read
    // that brings the other event's count.
    let mut marker = watch_counts(&second, Some(&other)).await;
    set_count(&first, &event, 5, 1).await;
    set_count(&first, &other, 1, 1).await;
    assert_eq!(marker.next_remaining_tickets().await, 1);
    assert_eq!(all_events.next_remaining_tickets().await, 1);
    let mut late = Socket::open(&second.url, MODERN_PROTOCOL, json!({})).await;
    late.start(WATCH_COUNTS, json!({ "ids": [event] })).await;
    assert_eq!(late.next_remaining_tickets().await, 3);

    let database = first.database_url.rsplit_once('/').unwrap().1;
    postgres_admin(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    ))
    .await;
    let mut watching: Vec<_> = watching.into_iter().chain([late, all_events]).collect();
    for socket in &mut watching {
        assert_eq!(socket.next_remaining_tickets().await, 5);
    }
    // The versions grow again from there.
    let late_user = second.user().await;
    wait_until(Duration::from_secs(10), "bookings are answered", async || {
        let booked = second.send(
            Some(&late_user),
            BOOK,
            json!({ "input": { "eventId": event, "quantity": 2 } }),
        );
        booked.await.get("errors").is_none()
    })
    .await;
    for socket in &mut watching {
        assert_eq!(socket.next_remaining_tickets().await, 3);
    }
}

/// An asynchronous failover: the new primary lacks the last bookings.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_that_lost_bookings_open_pages_show_what_is_left() {
    let old = Cluster::start().await;
    prepare(&old.url("postgres")).await;
    let proxy = Proxy::to(&old.address()).await;
    let mut url = Url::parse(&old.url("postgres")).unwrap();
    url.set_port(Some(proxy.port)).unwrap();
    let serve = async || App::start_on(url.to_string(), TempDir::new().unwrap(), &[]).await;
    let (first, second) = (serve().await, serve().await);
    wait_until_listening(&first, 2).await;
    let users = first.users(4).await;
    first.book(&users[0], JAZZ_NIGHT, 2).await;
    let new = old.start_copy(false).await;
    let mut sockets = Vec::new();
    for server in [&first, &second] {
        sockets.push(watch_counts(server, Some(JAZZ_NIGHT)).await);
    }
    for (user, left) in users[1..3].iter().zip([73, 68]) {
        first.book(user, JAZZ_NIGHT, 5).await;
        for socket in &mut sockets {
            assert_eq!(socket.next_remaining_tickets().await, left);
        }
    }

    proxy.set_target(&new.address());
    proxy.set_open(false);
    wait_until(Duration::from_secs(20), "the database is away", async || {
        first.services.db.health().is_unreachable() && second.services.db.health().is_unreachable()
    })
    .await;
    proxy.set_open(true);
    let failed_over_at = Instant::now();
    for socket in &mut sockets {
        assert_eq!(socket.next_remaining_tickets().await, 78);
    }
    assert!(failed_over_at.elapsed() < Duration::from_secs(10), "{:?}", failed_over_at.elapsed());
    wait_until(Duration::from_secs(10), "bookings are answered", async || {
        let book = json!({ "input": { "eventId": JAZZ_NIGHT, "quantity": 3 } });
        second.send(Some(&users[3]), BOOK, book).await.get("errors").is_none()
    })
    .await;
    for socket in &mut sockets {
        assert_eq!(socket.next_remaining_tickets().await, 75);
    }
    second.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_no_server_announced_is_read_from_the_database() {
    let app = App::start(Engine::Postgres).await;
    let event = app.event("Concert", 5).await;
    let mut socket = watch_counts(&app, Some(&event)).await;
    app.execute_sql_keeping_counts(&format!(
        "UPDATE events SET remaining_tickets = 2, count_version = count_version + 1 \
         WHERE id = '{event}'"
    ))
    .await;
    assert_eq!(socket.next_remaining_tickets().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_changes_are_sent_in_few_messages() {
    let app = App::start(Engine::Postgres).await;
    let mut listener = PgListener::connect(&app.database_url).await.unwrap();
    let channel = "SELECT 'rowlock_counts_' || 'public'::regnamespace::oid";
    let channel: String = sqlx::query_scalar(channel).fetch_one(&mut listener).await.unwrap();
    listener.listen(&channel).await.unwrap();
    let events: Vec<EventId> = (0..200).map(|_| EventId::new()).collect();
    for version in 1..=20 {
        let count = |event_id| TicketCount {
            event_id,
            remaining: 1,
            total: 20,
            version,
            revision: 1,
            is_public: true,
        };
        app.services.hub.publish(events.iter().copied().map(count));
    }
    let last = format!("{} 1 20 20 1 true", events[199].0.simple());
    let (mut messages, mut has_last) = (0, false);
    while !has_last || messages == 0 {
        let message = timeout(Duration::from_secs(10), listener.recv()).await;
        has_last |= message.expect("a message arrives in time").unwrap().payload().contains(&last);
        messages += 1;
    }
    assert!(messages < 20, "4,000 changes were sent in {messages} messages");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_works_on_every_server() {
    let (first, second) = two_servers().await;
    let register = "mutation { register(input: { email: \"ann@example.org\", \
        password: \"planned-1\", name: \"Ann\" }) { accessToken } }";
    let answer = first.request(None, register, json!({})).send().await.unwrap();
    let mut cookie = refresh_cookie(&answer).0;
    for server in [&second, &first, &second] {
        let refresh = server.request(None, "mutation { refresh { accessToken } }", json!({}));
        let answer = refresh.header("cookie", &cookie).send().await.unwrap();
        cookie = refresh_cookie(&answer).0;
        let answer: Value = answer.json().await.unwrap();
        let token =
            answer["data"]["refresh"]["accessToken"].as_str().expect("a refresh returns a token");
        let me = first.data(Some(token), "{ me { name } }", json!({})).await;
        assert_eq!(me["me"]["name"], "Ann");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_that_refresh_at_once_on_two_servers_get_the_same_cookie() {
    let (first, second) = two_servers().await;
    let register = "mutation { register(input: { email: \"ann@example.org\", \
        password: \"planned-1\", name: \"Ann\" }) { accessToken } }";
    let mut cookie =
        refresh_cookie(&first.request(None, register, json!({})).send().await.unwrap()).0;
    for _ in 0..3 {
        let answers = join_all((0..8).map(async |tab| {
            let server = if tab % 2 == 0 { &first } else { &second };
            let refresh = server.request(None, "mutation { refresh { accessToken } }", json!({}));
            refresh_cookie(&refresh.header("cookie", &cookie).send().await.unwrap()).0
        }))
        .await;
        assert!(answers.iter().all(|answer| *answer == answers[0] && *answer != cookie));
        cookie.clone_from(&answers[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_started_by_several_processes_at_once_succeed() {
    let name = format!("migrated_{}", uuid::Uuid::now_v7().simple());
    postgres_admin(&format!("CREATE DATABASE {name}")).await;
    let folder = TempDir::new().unwrap();
    let migrate = || {
        let mut command = rowlock_command(folder.path());
        let command = command.arg("migrate").env("DATABASE_URL", postgres_url(&name));
        let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        tokio::task::spawn_blocking(move || running.wait_with_output().unwrap())
    };
    for output in join_all((0..5).map(|_| migrate())).await {
        let output = output.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
    }
}
