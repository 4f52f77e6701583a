//! How a server process starts and stops.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    app::{App, BOOK},
    database::Engine,
    program::Program,
    socket::{MODERN_PROTOCOL, Socket},
    waiting::wait_until,
};

#[tokio::test(flavor = "multi_thread")]
async fn rowlock_without_arguments_serves_from_an_empty_folder_and_stops_on_sigterm() {
    let server = Program::serve(&[("LOG_FORMAT", "json")]).await;
    let url = server.url.clone();
    server.terminate();
    let (status, log) = server.wait();
    assert!(status.success(), "{status}");
    for line in log.lines() {
        serde_json::from_str::<Value>(line).expect("each line is JSON");
    }
    assert!(log.contains(&format!("serving on {url}")), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_on_the_same_sqlite_file_is_warned() {
    let folder = TempDir::new().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    let serve = async |folder: &Path| {
        let file = format!("sqlite:{}", folder.join("rowlock.db").display());
        Program::serve_database(&file, &[]).await
    };
    let warns = |server: Program| {
        server.terminate();
        server.wait().1.contains("another server uses ")
    };
    let first = serve(folder.path()).await;
    let second = serve(&link).await;
    assert!(!warns(first));
    let third = serve(folder.path()).await;
    assert!(warns(second));
    assert!(warns(third));
    assert!(!warns(serve(&link).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_finishes_the_bookings_in_its_queue() {
    let app = App::start(Engine::Sqlite).await;
    let (event, users) = (app.event("Concert", 5).await, app.users(3).await);
    let settings = [("BOOKING_DELAY_MS", "700")];
    let server = Program::serve_database(&app.database_url, &settings).await;
    let book = |user: &String| {
        let input = json!({ "input": { "eventId": event } });
        tokio::spawn(server.request(Some(user), BOOK, input).send())
    };
    let wait_for_metric = async |metric: &str| {
        wait_until(Duration::from_secs(20), metric, async || {
            let metrics = server.get("/metrics").send().await.unwrap();
            metrics.text().await.unwrap().contains(metric)
        })
        .await;
    };
    let mut answers = vec![book(&users[0])];
    wait_for_metric("rowlock_queue_batch_calls_count{queue=\"lane-0\"} 1").await;
    answers.extend(users[1..].iter().map(book));
    wait_for_metric("rowlock_queue_waiting{queue=\"lane-0\"} 2").await;
    server.terminate();
    for answer in answers {
        let answer: Value = answer.await.unwrap().unwrap().json().await.unwrap();
        assert_eq!(answer["data"]["bookEvent"]["__typename"], "BookEventSuccess", "{answer}");
    }
    assert!(server.wait().0.success());
    assert_eq!(app.remaining_tickets(&event).await, 2);
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_is_unready_first_and_then_closes_its_sockets_with_1012() {
    let server = Program::serve(&[("STOP_DELAY_MS", "1500")]).await;
    let open = || Socket::open(&server.url, MODERN_PROTOCOL, json!({}));
    let (idle, mut subscribed) = (open().await, open().await);
    subscribed.start("subscription { remainingTickets { version } }", json!({})).await;
    server.terminate();
    wait_until(Duration::from_secs(10), "the server is unready", async || {
        let answer = server.get("/readyz").send().await.expect("the server still answers");
        !answer.status().is_success()
    })
    .await;
    let answer = server.request(None, "{ events { totalCount } }", json!({})).send().await.unwrap();
    assert!(answer.status().is_success(), "the server still answers during the stop delay");
    assert_eq!((idle.close_code().await, subscribed.close_code().await), (Some(1012), Some(1012)));
    assert!(server.wait().0.success());
}
