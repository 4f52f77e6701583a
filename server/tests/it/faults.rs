//! A database that is away, at the start or later, and connections that break.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    app::{App, BOOK, Engine, code_and_fields, new_database, postgres_admin},
    socket::Socket,
};

/// Stands between a server and PostgreSQL, and lets nothing through while it is cut.
struct Proxy {
    port: u16,
    open: watch::Sender<bool>,
    /// Cut the next connection that sends COMMIT, after it was sent on and before it is answered.
    cut_at_commit: Arc<AtomicBool>,
}

impl Proxy {
    async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = watch::Sender::new(true);
        let is_open = open.subscribe();
        let cut_at_commit = Arc::new(AtomicBool::new(false));
        let cut = Arc::clone(&cut_at_commit);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *is_open.borrow() {
                    tokio::spawn(pass(client, target.clone(), is_open.clone(), Arc::clone(&cut)));
                }
            }
        });
        Self { port, open, cut_at_commit }
    }

    /// The URL of a database, by way of this.
    fn url(&self, url: &str) -> String {
        let (head, tail) = url.rsplit_once(':').unwrap();
        let (_, database) = tail.split_once('/').unwrap();
        format!("{head}:{}/{database}", self.port)
    }
}

async fn pass(
    mut client: TcpStream,
    target: String,
    mut open: watch::Receiver<bool>,
    cut_at_commit: Arc<AtomicBool>,
) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            () = closed(&mut open) => return,
            read = client.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                if server.write_all(&asked[..count]).await.is_err() {
                    return;
                }
                let commits = asked[..count].windows(6).any(|text| text == b"COMMIT");
                if commits && cut_at_commit.swap(false, Ordering::SeqCst) {
                    // PostgreSQL has it, which shows in its answer; the caller never gets that.
                    let _ = server.read(&mut answered).await;
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                if client.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn behind_a_proxy(open: bool) -> (App, Proxy) {
    let folder = TempDir::new().unwrap();
    let url = new_database(Engine::Postgres, &folder).await;
    let (_, server) = url.split_once('@').unwrap();
    let proxy = Proxy::to(server.split_once('/').unwrap().0.to_owned()).await;
    proxy.open.send_replace(open);
    let app = App::start_on(proxy.url(&url), folder, &[]).await;
    (app, proxy)
}

/// Asks until it holds, for as long as a recovery may take.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn ready(app: &App) -> bool {
    let answer = app.http.get(format!("{}/readyz", app.url)).send().await.unwrap();
    answer.status().is_success()
}

const LIST: &str = "{ events { nodes { title } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_at_the_start_is_unavailable_and_then_there() {
    let (app, proxy) = behind_a_proxy(false).await;
    let error = app.error(None, LIST, json!({})).await;
    assert_eq!(code_and_fields(&error).0, "UNAVAILABLE");
    assert!(error["extensions"]["retryAfter"].as_i64().unwrap() >= 1);
    assert!(!ready(&app).await);
    proxy.open.send_replace(true);
    eventually("ready", async || ready(&app).await).await;
    eventually("answered", async || app.send(None, LIST, json!({})).await.get("errors").is_none())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_later_is_unavailable_and_then_there() {
    let (app, proxy) = behind_a_proxy(true).await;
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    app.book(&user, &event, 1).await;
    proxy.open.send_replace(false);
    eventually("noticed", async || !ready(&app).await).await;
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
    proxy.open.send_replace(true);
    eventually("answered", async || app.send(None, LIST, json!({})).await.get("errors").is_none())
        .await;
    eventually("booked", async || {
        let other = app.send(Some(&user), BOOK, json!({ "input": { "eventId": event } })).await;
        other["data"]["bookEvent"]["__typename"] == "AlreadyBooked"
    })
    .await;
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_whose_connection_is_lost_at_commit_is_answered_with_the_truth() {
    let (app, proxy) = behind_a_proxy(true).await;
    let event = app.event("Concert", 5).await;
    let mut socket = Socket::open(&app.url, "graphql-transport-ws", json!({})).await;
    let watch =
        "subscription($ids: [ID!]) { remainingTickets(eventIds: $ids) { remainingTickets } }";
    socket.start(watch, json!({ "ids": [event] })).await;
    let mut told =
        async || socket.next().await["data"]["remainingTickets"]["remainingTickets"].clone();
    assert_eq!(told().await, 5);
    for round in 1..=3 {
        let user = app.user().await;
        proxy.cut_at_commit.store(true, Ordering::SeqCst);
        let booked = app.book(&user, &event, 1).await;
        assert_eq!(booked["__typename"], "BookEventSuccess");
        assert!(!proxy.cut_at_commit.load(Ordering::SeqCst), "it was cut");
        assert_eq!(app.remaining(&event).await, 5 - round, "booked once");
        assert_eq!(told().await, 5 - round, "and those who watch know it");
        let id = booked["booking"]["id"].as_str().unwrap();
        if round == 3 {
            proxy.cut_at_commit.store(true, Ordering::SeqCst);
            assert_eq!(app.cancel(&user, id).await["booking"]["status"], "CANCELLED");
            assert_eq!(app.remaining(&event).await, 3, "returned once");
            assert_eq!(told().await, 3);
        }
    }
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

async fn closed(open: &mut watch::Receiver<bool>) {
    let _ = open.wait_for(|open| !open).await;
}
