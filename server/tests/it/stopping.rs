//! How a server starts and stops.

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    app::{App, BOOK, SECRET},
    database::{Engine, new_database},
    program::Program,
    socket::Socket,
};

#[tokio::test(flavor = "multi_thread")]
async fn rowlock_alone_serves_from_an_empty_folder_and_stops_when_told() {
    let folder = TempDir::new().unwrap();
    let server = Program::serve(folder.path(), &[("LOG_FORMAT", "json")]).await;
    let url = server.url.clone();
    server.terminate();
    let (status, log) = server.wait();
    assert!(status.success(), "{status}");
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("each line is JSON");
    }
    assert!(log.contains(&format!("serving on {url}")), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_finishes_the_bookings_that_wait() {
    let folder = TempDir::new().unwrap();
    let url = new_database(Engine::Sqlite, &folder).await;
    let app = App::start_on(url.clone(), TempDir::new().unwrap(), &[]).await;
    let (event, users) = (app.event("Concert", 5).await, app.users(3).await);
    let settings = [("DATABASE_URL", &*url), ("JWT_SECRET", SECRET), ("BOOKING_DELAY_MS", "700")];
    let server = Program::serve(folder.path(), &settings).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    let book = |user: &String| {
        let body = json!({ "query": BOOK, "variables": { "input": { "eventId": event } } });
        let asking = app.http.post(format!("{}/graphql", server.url)).json(&body);
        tokio::spawn(asking.bearer_auth(user).send())
    };
    let until = async |metric: &str| {
        let metrics = || app.http.get(format!("{}/metrics", server.url)).send();
        while !metrics().await.unwrap().text().await.unwrap().contains(metric) {
            assert!(Instant::now() < deadline, "never: {metric}");
            sleep(Duration::from_millis(5)).await;
        }
    };
    let mut asking = vec![book(&users[0])];
    until("rowlock_queue_batch_calls_count{queue=\"lane-0\"} 1").await;
    asking.extend(users[1..].iter().map(book));
    until("rowlock_queue_waiting{queue=\"lane-0\"} 2").await;
    server.terminate();
    for answer in asking {
        let answer: serde_json::Value = answer.await.unwrap().unwrap().json().await.unwrap();
        assert_eq!(answer["data"]["bookEvent"]["__typename"], "BookEventSuccess", "{answer}");
    }
    assert!(server.wait().0.success());
    assert_eq!(app.remaining(&event).await, 2);
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_is_unready_first_and_sends_its_sockets_elsewhere() {
    let folder = TempDir::new().unwrap();
    let server = Program::serve(folder.path(), &[("STOP_DELAY_MS", "1500")]).await;
    let open = || Socket::open(&server.url, "graphql-transport-ws", serde_json::json!({}));
    let (quiet, mut busy) = (open().await, open().await);
    busy.start("subscription { remainingTickets { version } }", serde_json::json!({})).await;
    server.terminate();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let ready = || http.get(format!("{}/readyz", server.url)).send();
    while ready().await.expect("still served").status().is_success() {
        assert!(Instant::now() < deadline, "never unready");
        sleep(Duration::from_millis(5)).await;
    }
    let body = serde_json::json!({ "query": "{ events { totalCount } }" });
    let asked = http.post(format!("{}/graphql", server.url)).json(&body).send().await.unwrap();
    assert!(asked.status().is_success(), "it serves until its balancer knows");
    assert_eq!((quiet.closed().await, busy.closed().await), (Some(1012), Some(1012)));
    assert!(server.wait().0.success());
}
