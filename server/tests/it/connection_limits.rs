//! Limits and timeouts of connections, which stop clients from holding resources without use.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::{
    app::App,
    database::Engine,
    socket::{MODERN_PROTOCOL, Socket, WATCH_COUNTS},
    waiting::wait_until,
};

async fn start_app(flags: &[&str]) -> App {
    App::start_with(Engine::Sqlite, flags).await
}

/// Waits until this address can open another socket.
async fn wait_until_a_socket_opens(app: &App, timeout: Duration) {
    let opens = async || Socket::connect_without_init(&app.url, MODERN_PROTOCOL).await.is_ok();
    wait_until(timeout, "another socket can be opened", opens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_per_address_are_limited() {
    let app = start_app(&["--max-sockets-per-address", "2"]).await;
    let first = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    let _second = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    let Err(Error::Http(refused)) = Socket::connect_without_init(&app.url, MODERN_PROTOCOL).await
    else {
        panic!("a third socket was accepted")
    };
    assert_eq!(refused.status(), 429);
    let body = String::from_utf8_lossy(refused.body().as_deref().unwrap()).into_owned();
    assert!(body.contains("QUERY_TOO_COMPLEX"), "{body}");
    drop(first);
    wait_until_a_socket_opens(&app, Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_sends_no_connection_init_is_closed() {
    let app = start_app(&["--socket-init-seconds", "1"]).await;
    let silent = Socket::connect_without_init(&app.url, MODERN_PROTOCOL).await.unwrap();
    let mut initialized = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    assert_eq!(silent.close_code().await, Some(4408));
    assert_eq!(initialized.run("{ __typename }", json!({})).await["data"]["__typename"], "Query");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_breaks_the_protocol_is_closed_with_the_protocols_code() {
    let app = start_app(&[]).await;
    let mut uninitialized = Socket::connect_without_init(&app.url, MODERN_PROTOCOL).await.unwrap();
    uninitialized.start("{ __typename }", json!({})).await;
    assert_eq!(uninitialized.close_code().await, Some(4401));
    let mut initialized_twice = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    initialized_twice.send(json!({ "type": "connection_init" })).await;
    assert_eq!(initialized_twice.close_code().await, Some(4429));
    let mut with_reused_id = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    let subscription = json!({ "query": "subscription { remainingTickets { version } }" });
    let start = json!({ "type": "subscribe", "id": "a", "payload": subscription });
    // An id is free again when its operation has ended, on either side.
    with_reused_id.send(start.clone()).await;
    with_reused_id.send(json!({ "type": "complete", "id": "a" })).await;
    let subscribe =
        json!({ "type": "subscribe", "id": "a", "payload": { "query": "{ __typename }" } });
    for _ in 0..2 {
        with_reused_id.send(subscribe.clone()).await;
        assert_eq!(with_reused_id.next_result().await["data"]["__typename"], "Query");
        assert_eq!(with_reused_id.next_message().await["type"], "complete");
    }
    with_reused_id.send(start.clone()).await;
    with_reused_id.send(start).await;
    assert_eq!(with_reused_id.close_code().await, Some(4409));
    let mut with_unknown_message = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    with_unknown_message.send(json!({ "type": "x".repeat(1_000) })).await;
    assert_eq!(with_unknown_message.close_code().await, Some(4400));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_answers_no_ping_is_closed() {
    let app = start_app(&["--socket-ping-seconds", "1", "--max-sockets-per-address", "2"]).await;
    let mut responsive = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    responsive.start("subscription { remainingTickets { version } }", json!({})).await;
    // The test reads nothing from this socket, so no ping is answered.
    let unresponsive = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    wait_until(Duration::from_secs(15), "the place of the other one is free", async || {
        // Reading from the other socket answers its pings.
        let _ = timeout(Duration::from_millis(50), responsive.stream().next()).await;
        Socket::connect_without_init(&app.url, MODERN_PROTOCOL).await.is_ok()
    })
    .await;
    drop(unresponsive);
    responsive.send(json!({ "type": "ping" })).await;
    assert_eq!(responsive.next_message().await["type"], "pong", "a responsive socket stays open");
}

/// Tries to sign in once for each of these headers, on a server that allows one attempt per address
/// and minute. Returns the number of attempts that were not refused.
async fn sign_in_attempts(flags: &[&str], name: &str, values: &[&str]) -> usize {
    const LOGIN: &str = "mutation {
        login(input: { email: \"a@example.org\", password: \"x\" }) { accessToken }
    }";
    let limit = ["--sign-ins-per-minute-per-address", "1"];
    let app = start_app(&[&limit[..], flags].concat()).await;
    let mut attempts = 0;
    for value in values {
        let login = app.request(None, LOGIN, json!({})).header(name, *value);
        let answer: serde_json::Value = login.send().await.unwrap().json().await.unwrap();
        match answer["errors"][0]["extensions"]["code"].as_str() {
            Some("INVALID_CREDENTIALS") => attempts += 1,
            code => assert_eq!(code, Some("RATE_LIMITED"), "{answer}"),
        }
    }
    attempts
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_trusted_header_names_the_clients_address() {
    // Addresses that the client wrote itself stand before the one that the proxy adds.
    let x_forwarded_for =
        ["192.0.2.1", "192.0.2.9, 192.0.2.2", "192.0.2.2, 192.0.2.1:4711", "2001:db8::1"];
    let forwarded = [
        "for=192.0.2.1",
        "for=192.0.2.9;by=\", proto=http;for=192.0.2.2",
        "for=192.0.2.2, for=\"192.0.2.1:4711\"",
        "For=\"[2001:db8::1]\"",
    ];
    for (name, values) in [("x-forwarded-for", x_forwarded_for), ("forwarded", forwarded)] {
        assert_eq!(sign_in_attempts(&[], name, &values).await, 1, "{name} is not trusted");
        let trusting = ["--client-address-header", name];
        assert_eq!(sign_in_attempts(&trusting, name, &values).await, 3, "{name} is trusted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_whose_header_names_no_address_share_one_limit() {
    for (name, values) in [
        ("x-forwarded-for", ["unknown", "192.0.2.1, ", "a.example", "_hidden"]),
        ("forwarded", ["for=unknown", "for=192.0.2.1, for=_a", "192.0.2.1", "for=_b"]),
        ("x-real-ip", ["", "unix:", "192.0.2.1.5", "127.0.0.1"]),
    ] {
        let attempts = sign_in_attempts(&["--client-address-header", name], name, &values).await;
        assert_eq!(attempts, 1, "{name}");
    }
}

/// Sends only the start of a request. Returns everything that the server sends before it closes.
async fn send_incomplete_request(app: &App, start: &str) -> String {
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    stream.write_all(start.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
    reading.await.expect("the server closes the connection").unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_stays_incomplete_times_out() {
    let app = start_app(&["--request-seconds", "1"]).await;
    for start in ["", "P", "PRI * HTTP/2.0\r\n", "POST /graphql HTTP/1.1\r\nhost: a\r\n"] {
        send_incomplete_request(&app, start).await;
    }
    let head = "POST /graphql HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let answer = send_incomplete_request(&app, head).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("BAD_USER_INPUT"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_results_counts_as_a_socket_and_sends_keep_alives() {
    let app = start_app(&["--max-sockets-per-address", "1", "--socket-ping-seconds", "1"]).await;
    let subscription = "subscription { remainingTickets { version } }";
    let open = async |accept: &str| {
        app.request(None, subscription, json!({})).header("accept", accept).send().await.unwrap()
    };
    let mut sse = open("text/event-stream").await;
    assert_eq!(sse.chunk().await.unwrap().unwrap(), ":\n\n");
    assert_eq!(open("text/event-stream").await.status(), 429);
    let keep_alive = timeout(Duration::from_secs(10), sse.chunk()).await.unwrap();
    assert_eq!(keep_alive.unwrap().unwrap(), ":\n\n");
    drop(sse);
    let mut multipart = None;
    wait_until(Duration::from_secs(10), "another stream can be opened", async || {
        let answer = open("multipart/mixed;subscriptionSpec=1.0, application/json").await;
        multipart = Some(answer).filter(|answer| answer.status() == 200);
        multipart.is_some()
    })
    .await;
    let mut multipart = multipart.unwrap();
    let (user, event) = (app.user().await, app.event("Concert", 2).await);
    app.book(&user, &event, 1).await;
    let mut received = String::new();
    while !received.contains("\"version\"") {
        let chunk =
            timeout(Duration::from_secs(10), multipart.chunk()).await.unwrap().unwrap().unwrap();
        received.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let result = "--graphql\r\ncontent-type: application/json\r\n\r\n{\"payload\":{\"data\":\
        {\"remainingTickets\":{\"version\":1}}}}\r\n--graphql";
    assert!(received.ends_with(result), "{received:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_reads_nothing_is_closed() {
    let app = start_app(&["--request-seconds", "1", "--max-sockets-per-address", "1"]).await;
    let mut unread = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    // Nobody reads the answers, so at last no more of them fit into the buffers.
    let list = json!({ "query": "{ events(first: 50) { nodes { id title description venue } } }" });
    for id in 0.. {
        let subscribe = json!({ "type": "subscribe", "id": id.to_string(), "payload": list });
        let sending = unread.stream().send(Message::text(subscribe.to_string()));
        if !matches!(timeout(Duration::from_millis(500), sending).await, Ok(Ok(()))) {
            break;
        }
    }
    wait_until_a_socket_opens(&app, Duration::from_secs(20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_and_watched_events_per_socket_are_limited() {
    let app = start_app(&["--max-subscriptions-per-socket", "10"]).await;
    let event = app.event("Concert", 5).await;
    // These operations wait for shared reads, so most of them run at the same time.
    let mut with_many_operations = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    let query = json!({ "query": "{ me { id } events { nodes { id } } }" });
    for id in 0..500 {
        let subscribe = json!({ "type": "subscribe", "id": format!("x{id}"), "payload": query });
        // The socket may be closed already.
        let _ = with_many_operations.stream().send(Message::text(subscribe.to_string())).await;
    }
    assert_eq!(with_many_operations.close_code().await, Some(1008));

    let mut with_many_events = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    let ids = vec![event; 200];
    for _ in 0..5 {
        with_many_events.start(WATCH_COUNTS, json!({ "ids": ids })).await;
        assert_eq!(with_many_events.next_result().await["errors"], json!(null));
    }
    with_many_events.start(WATCH_COUNTS, json!({ "ids": ids })).await;
    let refused = with_many_events.next_result().await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX", "{refused}");
}
