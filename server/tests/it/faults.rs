//! The database is unreachable, at the start or later, or connections to it break.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use crate::{
    app::{App, BOOK, code_and_fields, error_code},
    database::{Engine, new_database, postgres_admin, postgres_url},
    demo::LOG_IN_AS_ADA,
    managed_events::{Host, merged, user_of},
    proxy::{NetworkFault, Proxy},
    socket::{MODERN_PROTOCOL, Socket, WATCH_COUNTS},
    waiting::wait_until,
};

pub(crate) async fn start_behind_proxy(is_open: bool, flags: &[&str]) -> (App, Proxy) {
    let folder = TempDir::new().unwrap();
    let mut url = Url::parse(&new_database(Engine::Postgres, &folder).await).unwrap();
    let proxy = Proxy::to(&format!("{}:{}", url.host().unwrap(), url.port().unwrap())).await;
    proxy.set_open(is_open);
    url.set_port(Some(proxy.port)).unwrap();
    let app = App::start_on(url.into(), folder, flags).await;
    (app, proxy)
}

/// Longest time for a recovery.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// Waits until the list of events loads.
async fn wait_until_lists_load(app: &App) {
    wait_until(RECOVERY_TIMEOUT, "lists are answered", async || {
        app.send(None, LIST, json!({})).await.get("errors").is_none()
    })
    .await;
}

async fn is_ready(app: &App) -> bool {
    app.get("/readyz").send().await.unwrap().status().is_success()
}

const LIST: &str = "{ events { nodes { title } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_without_its_database_is_unavailable_until_it_is_back() {
    let (app, proxy) = start_behind_proxy(false, &[]).await;
    let error = app.error(None, LIST, json!({})).await;
    assert_eq!(error_code(&error), "UNAVAILABLE");
    assert!(error["extensions"]["retryAfter"].as_i64().unwrap() >= 1);
    assert!(!is_ready(&app).await);
    proxy.set_open(true);
    wait_until(RECOVERY_TIMEOUT, "the server is ready", async || is_ready(&app).await).await;
    wait_until_lists_load(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_loses_its_database_is_unavailable_until_it_is_back() {
    let (app, proxy) = start_behind_proxy(true, &[]).await;
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    app.book(&user, &event, 1).await;
    proxy.set_open(false);
    wait_until(RECOVERY_TIMEOUT, "the server is unready", async || !is_ready(&app).await).await;
    let book = json!({ "input": { "eventId": event } });
    for (query, variables) in [
        (LIST, json!({})),
        (BOOK, book),
        (
            "mutation { login(input: { email: \"ada@example.org\", password: \"x\" }) \
             { accessToken } }",
            json!({}),
        ),
    ] {
        // The database is known to be unreachable, so each request fails without waiting for it.
        let answer =
            timeout(Duration::from_secs(8), app.error(Some(&user), query, variables)).await;
        let error = answer.expect("an answer arrives in time");
        assert_eq!(error_code(&error), "UNAVAILABLE", "{query}: {error}");
    }
    proxy.set_open(true);
    wait_until_lists_load(&app).await;
    wait_until(RECOVERY_TIMEOUT, "bookings are answered", async || {
        let other = app.send(Some(&user), BOOK, json!({ "input": { "eventId": event } })).await;
        other["data"]["bookEvent"]["__typename"] == "AlreadyBooked"
    })
    .await;
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_whose_connection_breaks_at_commit_gets_its_true_outcome() {
    let (app, proxy) = start_behind_proxy(true, &[]).await;
    let event = app.event("Concert", 5).await;
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_COUNTS, json!({ "ids": [event] })).await;
    assert_eq!(socket.next_remaining_tickets().await, 5);
    for round in 1..=3 {
        let user = app.user().await;
        proxy.set_fault(NetworkFault::CutOnce(b"COMMIT"));
        let booked = app.book(&user, &event, 1).await;
        assert_eq!(booked["__typename"], "BookEventSuccess");
        assert_eq!(proxy.fault(), NetworkFault::None, "the connection was cut");
        assert_eq!(
            app.remaining_tickets(&event).await,
            5 - round,
            "the tickets are booked only once"
        );
        assert_eq!(socket.next_remaining_tickets().await, 5 - round, "subscribers see the booking");
        let id = booked["booking"]["id"].as_str().unwrap();
        if round == 3 {
            proxy.set_fault(NetworkFault::CutOnce(b"COMMIT"));
            assert_eq!(app.cancel(&user, id).await["booking"]["status"], "CANCELLED");
            assert_eq!(
                app.remaining_tickets(&event).await,
                3,
                "the tickets are returned only once"
            );
            assert_eq!(socket.next_remaining_tickets().await, 3);
        }
    }
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_connection_breaks_at_commit_is_made_once() {
    let (app, proxy) = start_behind_proxy(true, &[]).await;
    let event = app.event("Concert", 9).await;
    let user = app.user().await;
    let booked = app.book(&user, &event, 2).await;
    let id = booked["booking"]["id"].as_str().unwrap();
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_COUNTS, json!({ "ids": [event] })).await;
    assert_eq!(socket.next_remaining_tickets().await, 7);
    for (quantity, remaining) in [(5, 4), (1, 8), (9, 0)] {
        proxy.set_fault(NetworkFault::CutOnce(b"COMMIT"));
        assert_eq!(app.change(&user, id, quantity).await["booking"]["quantity"], quantity);
        assert_eq!(proxy.fault(), NetworkFault::None, "the connection was cut");
        assert_eq!(app.remaining_tickets(&event).await, remaining);
        assert_eq!(socket.next_remaining_tickets().await, remaining, "subscribers see the change");
        app.assert_nothing_oversold().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_waits_for_the_late_commit_of_the_first_attempt() {
    let (app, proxy) = start_behind_proxy(true, &[]).await;
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    // The delay is longer than the wait for a lock.
    proxy.set_fault(NetworkFault::CutAndDeliverLate(b"COMMIT", Duration::from_secs(4)));
    let booked = app.book(&user, &event, 2).await;
    assert_eq!(booked["__typename"], "BookEventSuccess", "{booked}");
    assert_eq!(proxy.fault(), NetworkFault::None, "the connection was cut");
    assert_eq!(app.remaining_tickets(&event).await, 3, "the tickets are booked only once");
    app.assert_nothing_oversold().await;
}

/// A network may take arbitrarily long to report a lost connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_keeps_nobody_waiting_forever() {
    let (app, proxy) = start_behind_proxy(true, &["--database-read-connections", "2"]).await;
    let event = app.event("Concert", 1).await;
    let users = app.users(3).await;
    app.book(&users[0], &event, 1).await;

    // The read without a lock gets no answer. The transaction after it gives the right outcome.
    proxy.set_fault(NetworkFault::Silence(b"FROM \"events\""));
    assert_eq!(app.book(&users[1], &event, 1).await["__typename"], "SoldOut");
    assert_eq!(proxy.fault(), NetworkFault::None, "the connection fell silent");

    // A shared read gets no answer, nor do the requests that share it. A different read takes the
    // other connection and gets no answer either, so no connection is left.
    proxy.set_fault(NetworkFault::Silence(b"starts_at"));
    let sent_at = Instant::now();
    let later_requests = async {
        let is_silent = async || proxy.fault() == NetworkFault::None;
        wait_until(RECOVERY_TIMEOUT, "the connection is silent", is_silent).await;
        proxy.set_fault(NetworkFault::Silence(b"starts_at"));
        futures_util::join!(
            app.send(None, LIST, json!({})),
            app.error(None, "{ events(search: \"rare\") { nodes { title } } }", json!({}))
        )
    };
    let (first, (second, other)) =
        futures_util::join!(app.error(None, LIST, json!({})), later_requests);
    assert_eq!(error_code(&first), "UNAVAILABLE", "{first}");
    assert_eq!(error_code(&other), "UNAVAILABLE", "{other}");
    // The second request began later, and may have got the other connection.
    assert!(
        second["errors"].is_null() || second["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    );
    wait_until_lists_load(&app).await;
    assert!(sent_at.elapsed() < Duration::from_secs(20), "{:?}", sent_at.elapsed());
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_closed_by_postgres_are_replaced() {
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
    assert_eq!(app.remaining_tickets(&event).await, 2);
}

/// The probe's connection is one like any other, and may be the only one that breaks.
#[tokio::test(flavor = "multi_thread")]
async fn a_probe_whose_own_connection_breaks_makes_nobody_wait() {
    let (app, proxy) = start_behind_proxy(true, &[]).await;
    let (event, user) = (app.event("Concert", 9).await, app.user().await);
    for _ in 0..3 {
        proxy.set_fault(NetworkFault::CutOnce(b"SELECT pg_is_in_recovery()"));
        while proxy.fault() != NetworkFault::None {
            app.data(None, LIST, json!({})).await;
        }
        let cut_at = Instant::now();
        while cut_at.elapsed() < Duration::from_millis(300) {
            app.data(None, LIST, json!({})).await;
        }
    }
    assert_eq!(app.book(&user, &event, 1).await["__typename"], "BookEventSuccess");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_on_a_silent_connection_fails_and_releases_the_connection() {
    let (app, proxy) = start_behind_proxy(true, &["--database-write-connections", "1"]).await;
    proxy.set_fault(NetworkFault::Silence(b"INSERT INTO \"sessions\""));
    let answer = timeout(Duration::from_secs(20), app.error(None, LOG_IN_AS_ADA, json!({}))).await;
    assert_eq!(error_code(&answer.expect("an answer in time")), "UNAVAILABLE");
    // A new connection has replaced the only one for writes.
    let (event, user) = (app.event("Concert", 5).await, app.user().await);
    assert_eq!(app.book(&user, &event, 1).await["__typename"], "BookEventSuccess");
    app.data(None, LOG_IN_AS_ADA, json!({})).await;
}

/// Reads of the watched events do not hold up the messages of other servers.
#[tokio::test(flavor = "multi_thread")]
async fn messages_arrive_while_a_read_of_watched_events_hangs_or_fails() {
    let (app, proxy) = start_behind_proxy(true, &[]).await;
    let event = app.event("Concert", 9).await;
    let other_server = start_directly(&app).await;
    let users = other_server.users(6).await;
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_COUNTS, json!({ "ids": [event] })).await;
    assert_eq!(socket.next_remaining_tickets().await, 9);
    other_server.book(&users[0], &event, 1).await;
    assert_eq!(socket.next_remaining_tickets().await, 8);
    let listener = listening_process(&other_server, &app).await;

    // The id is sent as these bytes only by the read of the watched events.
    let id = uuid::Uuid::parse_str(&event).unwrap();
    let id: &'static [u8] = Box::leak(Box::new(id.into_bytes()));
    for (fault, users) in
        [(NetworkFault::Silence(id), &users[1..3]), (NetworkFault::CutEach(id), &users[3..5])]
    {
        proxy.set_fault(fault);
        if let NetworkFault::Silence(_) = fault {
            let hangs = async || proxy.fault() == NetworkFault::None;
            wait_until(RECOVERY_TIMEOUT, "a read hangs", hangs).await;
        }
        for user in users {
            let booked_at = Instant::now();
            other_server.book(user, &event, 1).await;
            socket.next_remaining_tickets().await;
            let lag = booked_at.elapsed();
            assert!(lag < Duration::from_secs(1), "{fault:?}: {lag:?}");
            // The reads fail now and then.
            sleep(Duration::from_secs(2)).await;
        }
    }
    assert_eq!(listening_process(&other_server, &app).await, listener, "it listens all the time");
    proxy.set_fault(NetworkFault::None);
    other_server
        .execute_sql_keeping_counts(&format!(
            "UPDATE events SET remaining_tickets = 1, count_version = count_version + 1 \
             WHERE id = '{event}'"
        ))
        .await;
    assert_eq!(socket.next_remaining_tickets().await, 1, "it is read again");
}

/// The processes of PostgreSQL that listen for the two servers, in order.
async fn listening_process(one: &App, two: &App) -> Vec<i32> {
    let mut found = Vec::new();
    wait_until(RECOVERY_TIMEOUT, "both servers listen", async || {
        let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                   AND query LIKE 'LISTEN%' ORDER BY pid";
        let rows = one.db().query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await;
        found = rows.unwrap().iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        found.len() == [one, two].len()
    })
    .await;
    found
}

const CREATE_EVENT: &str =
    "mutation($input: CreateEventInput!) { createEvent(input: $input) { id } }";

const IMPORT_EVENTS: &str = "mutation($input: ImportEventsInput!) {
    importEvents(input: $input) { created updated unchanged } }";

/// The title of the events below. Only the statement that stores one has it.
const TITLE: &[u8] = b"Nocturne";

fn event_to_create(host: &Host, name: &str) -> Value {
    json!({ "input": merged(host.values(), json!({ "title": "Nocturne", "externalId": name })) })
}

fn event_to_import(host: &Host, name: &str) -> Value {
    let mut event = event_to_create(host, name)["input"].take();
    let organizer = event.as_object_mut().unwrap().remove("organizerId");
    json!({ "input": { "organizerId": organizer, "events": [event] } })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_silent_connection_did_not_store_can_be_created_or_imported_again() {
    let (app, proxy) = start_behind_proxy(true, &[]).await;
    let host = Host::found(&app).await;
    for (query, input) in [
        (CREATE_EVENT, event_to_create(&host, "created")),
        (IMPORT_EVENTS, event_to_import(&host, "imported")),
    ] {
        proxy.set_fault(NetworkFault::Silence(TITLE));
        let failed = app.error(Some(&host.owner), query, input.clone());
        let failed = timeout(Duration::from_secs(20), failed).await.expect("an answer in time");
        assert_eq!(error_code(&failed), "UNAVAILABLE", "{query}: {failed}");
        assert_eq!(proxy.fault(), NetworkFault::None, "the connection fell silent");
        app.data(Some(&host.owner), query, input).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_connection_breaks_at_commit_is_created_once() {
    let (app, proxy) = start_behind_proxy(true, &[]).await;
    let host = Host::found(&app).await;
    for (query, input) in [
        (CREATE_EVENT, event_to_create(&host, "created")),
        (IMPORT_EVENTS, event_to_import(&host, "imported")),
    ] {
        proxy.set_fault(NetworkFault::CutOnce(b"COMMIT"));
        app.data(Some(&host.owner), query, input).await;
        assert_eq!(proxy.fault(), NetworkFault::None, "the connection was cut");
    }
    let created = app.error(Some(&host.owner), CREATE_EVENT, event_to_create(&host, "created"));
    assert_eq!(code_and_fields(&created.await), ("BAD_USER_INPUT", vec!["externalId"]));
    let again =
        app.data(Some(&host.owner), IMPORT_EVENTS, event_to_import(&host, "imported")).await;
    assert_eq!(again["importEvents"]["unchanged"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_creates_an_event_is_told_if_its_commit_gets_no_answer() {
    let (app, proxy) = start_behind_proxy(true, &[]).await;
    let host = Host::found(&app).await;
    let mut names = (1..=5).map(|number| format!("jazz-{number}"));
    let (failed, input) = loop {
        let input = event_to_create(&host, &names.next().expect("a commit gets no answer"));
        proxy.set_fault(NetworkFault::Silence(b"COMMIT"));
        let answer = app.send(Some(&host.owner), CREATE_EVENT, input.clone());
        let answer = timeout(Duration::from_secs(30), answer).await.expect("an answer in time");
        // Otherwise, a transaction in the background has met the fault.
        if answer["errors"].is_array() {
            break (answer["errors"][0].clone(), input);
        }
    };
    assert_eq!(error_code(&failed), "UNAVAILABLE", "{failed}");
    assert!(failed["message"].as_str().unwrap().contains("externalId"), "{failed}");
    // PostgreSQL ends the silent session after a while, and undoes what it did not commit.
    wait_until(Duration::from_secs(45), "the event is created", async || {
        let answer = app.send(Some(&host.owner), CREATE_EVENT, input.clone()).await;
        answer.get("errors").is_none()
    })
    .await;
}

/// The edit's message arrives, and the reads that it causes fail for a moment.
#[tokio::test(flavor = "multi_thread")]
async fn subscribers_get_the_last_state_after_a_read_of_it_failed() {
    let (app, proxy) = start_behind_proxy(true, &[]).await;
    let host = Host::found(&app).await;
    let draft = host.draft(&app, json!({})).await;
    let draft = draft["id"].as_str().unwrap();
    let event = host.event(&app, json!({})).await;
    let other_server = start_directly(&app).await;
    let mut socket = Socket::open(
        &app.url,
        MODERN_PROTOCOL,
        json!({ "Authorization": format!("Bearer {}", host.owner) }),
    )
    .await;
    let edits = "subscription($ids: [ID!]!) { eventUpdates(eventIds: $ids) { id title } }";
    let counts = "subscription($ids: [ID!]!) { remainingTickets(eventIds: $ids) {
        eventId totalTickets } }";
    let mut drafts = Socket::open(
        &app.url,
        MODERN_PROTOCOL,
        json!({ "Authorization": format!("Bearer {}", host.owner) }),
    )
    .await;
    drafts.start(counts, json!({ "ids": [draft] })).await;
    assert_eq!(drafts.next_result().await["data"]["remainingTickets"]["totalTickets"], 10);
    socket.start(edits, json!({ "ids": [event] })).await;
    socket.run("{ __typename }", json!({})).await;
    let mut watcher = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    watcher.start(counts, json!({ "ids": [event] })).await;
    watcher.next_result().await;

    // The event is read by these bytes.
    let id = uuid::Uuid::parse_str(&event).unwrap();
    proxy.set_fault(NetworkFault::CutEach(Box::leak(Box::new(id.into_bytes()))));
    host.edit(&other_server, &event, json!({ "title": "Jazz II", "totalTickets": 11 })).await;
    assert_eq!(watcher.next_result().await["data"]["remainingTickets"]["totalTickets"], 11);
    let query = "query($id: ID!) { event(id: $id) { title } }";
    let failed = app.error(None, query, json!({ "id": event })).await;
    assert_eq!(error_code(&failed), "UNAVAILABLE");
    proxy.set_fault(NetworkFault::None);
    let update = socket.next_result().await;
    assert_eq!(update["data"]["eventUpdates"]["title"], "Jazz II", "{update}");

    // So is the role of a draft's viewer.
    let owner: [u8; 16] = user_of(&app, &host.owner).0.into_bytes();
    proxy.set_fault(NetworkFault::CutEach(Box::leak(Box::new(owner))));
    host.edit(&other_server, draft, json!({ "totalTickets": 12 })).await;
    let query = "query($id: ID!) { event(id: $id) { totalTickets } }";
    wait_until(RECOVERY_TIMEOUT, "the role can't be read", async || {
        let answer = app.send(Some(&host.owner), query, json!({ "id": draft })).await;
        answer["errors"].is_array()
    })
    .await;
    proxy.set_fault(NetworkFault::None);
    let update = drafts.next_result().await;
    assert_eq!(update["data"]["remainingTickets"]["totalTickets"], 12, "{update}");
}

/// Starts a second server on the database of one that is behind a proxy, and leaves the proxy out.
async fn start_directly(app: &App) -> App {
    let mut url = Url::parse(&app.database_url).unwrap();
    let direct = Url::parse(&postgres_url("postgres")).unwrap();
    url.set_port(direct.port()).unwrap();
    App::start_on(url.into(), TempDir::new().unwrap(), &[]).await
}

/// A server that is set as a standby but is none, or is unreachable, is reported and not used.
#[tokio::test(flavor = "multi_thread")]
async fn lists_come_from_the_primary_if_the_configured_standby_is_not_one() {
    let folder = TempDir::new().unwrap();
    let not_a_standby = new_database(Engine::Postgres, &folder).await;
    let unreachable = "postgres://rowlock@127.0.0.1:1/rowlock".to_owned();
    for standby in [not_a_standby, unreachable] {
        let app = App::start_with(Engine::Postgres, &["--database-replica-url", &standby]).await;
        for round in 0..3 {
            let title = format!("Only at the primary {round}");
            app.event(&title, 5).await;
            let found = app.data(None, "{ events(search: \"primary\") { totalCount } }", json!({}));
            let found =
                timeout(Duration::from_secs(5), found).await.expect("an answer arrives in time");
            assert_eq!(found["events"]["totalCount"], round + 1);
            // Meanwhile, the server probes the standby.
            sleep(Duration::from_millis(600)).await;
        }
        assert!(app.metrics().await.contains("rowlock_standby_up 0"));
    }
}
