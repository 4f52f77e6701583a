//! What a connection may do and for how long, so that nobody keeps the server busy with nothing.

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
    socket::{MODERN, Socket, WATCH},
    waiting::wait_until,
};

async fn start(flags: &[&str]) -> App {
    App::start_with(Engine::Sqlite, flags).await
}

/// Waits until this address may open one more socket.
async fn until_a_socket_opens(app: &App, timeout: Duration) {
    let opens = async || Socket::connect(&app.url, MODERN).await.is_ok();
    wait_until(timeout, "a socket's place is free", opens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_sockets_and_no_more() {
    let app = start(&["--max-sockets-per-address", "2"]).await;
    let first = Socket::open(&app.url, MODERN, json!({})).await;
    let _second = Socket::open(&app.url, MODERN, json!({})).await;
    let Err(Error::Http(refused)) = Socket::connect(&app.url, MODERN).await else {
        panic!("a third socket")
    };
    assert_eq!(refused.status(), 429);
    let body = String::from_utf8_lossy(refused.body().as_deref().unwrap()).into_owned();
    assert!(body.contains("QUERY_TOO_COMPLEX"), "{body}");
    drop(first);
    until_a_socket_opens(&app, Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_does_not_say_who_it_is_is_closed() {
    let app = start(&["--socket-init-seconds", "1"]).await;
    let silent = Socket::connect(&app.url, MODERN).await.unwrap();
    let mut welcome = Socket::open(&app.url, MODERN, json!({})).await;
    assert_eq!(silent.closed().await, Some(4408));
    assert_eq!(welcome.run("{ __typename }", json!({})).await["data"]["__typename"], "Query");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_breaks_the_protocol_is_closed_with_the_protocols_code() {
    let app = start(&[]).await;
    let mut early = Socket::connect(&app.url, MODERN).await.unwrap();
    early.start("{ __typename }", json!({})).await;
    assert_eq!(early.closed().await, Some(4401));
    let mut twice = Socket::open(&app.url, MODERN, json!({})).await;
    twice.send(json!({ "type": "connection_init" })).await;
    assert_eq!(twice.closed().await, Some(4429));
    let mut again = Socket::open(&app.url, MODERN, json!({})).await;
    let watch = json!({ "query": "subscription { remainingTickets { version } }" });
    let start = json!({ "type": "subscribe", "id": "a", "payload": watch });
    // An id is free again when its operation is over, whoever ended it.
    again.send(start.clone()).await;
    again.send(json!({ "type": "complete", "id": "a" })).await;
    let ask = json!({ "type": "subscribe", "id": "a", "payload": { "query": "{ __typename }" } });
    for _ in 0..2 {
        again.send(ask.clone()).await;
        assert_eq!(again.next().await["data"]["__typename"], "Query");
        assert_eq!(again.receive().await["type"], "complete");
    }
    again.send(start.clone()).await;
    again.send(start).await;
    assert_eq!(again.closed().await, Some(4409));
    let mut strange = Socket::open(&app.url, MODERN, json!({})).await;
    strange.send(json!({ "type": "x".repeat(1_000) })).await;
    assert_eq!(strange.closed().await, Some(4400));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_whose_peer_is_gone_is_given_up() {
    let app = start(&["--socket-ping-seconds", "1", "--max-sockets-per-address", "2"]).await;
    let mut alive = Socket::open(&app.url, MODERN, json!({})).await;
    alive.start("subscription { remainingTickets { version } }", json!({})).await;
    // Reads nothing, so it answers no ping.
    let gone = Socket::open(&app.url, MODERN, json!({})).await;
    wait_until(Duration::from_secs(15), "the place of the other one is free", async || {
        // This one is read, which answers its pings.
        let _ = timeout(Duration::from_millis(50), alive.stream().next()).await;
        Socket::connect(&app.url, MODERN).await.is_ok()
    })
    .await;
    drop(gone);
    alive.send(json!({ "type": "ping" })).await;
    assert_eq!(alive.receive().await["type"], "pong", "who answers stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_header_that_is_trusted_names_a_clients_address() {
    let limit = ["--sign-ins-per-minute-per-address", "1"];
    let trusting = [&limit[..], &["--client-address-header", "x-forwarded-for"]].concat();
    for (flags, expected) in [(&limit[..], 1), (&trusting[..], 3)] {
        let app = start(flags).await;
        let mut answered = 0;
        // What a client wrote itself stands before what the proxy wrote.
        for from in ["192.0.2.1", "192.0.2.9, 192.0.2.2", "192.0.2.2, 192.0.2.1", "2001:db8::1"] {
            let login = "mutation { login(input: { email: \"a@example.org\", password: \"x\" }) \
                { accessToken } }";
            let login = app.request(None, login, json!({}));
            let answer = login.header("x-forwarded-for", from).send().await.unwrap();
            let answer: serde_json::Value = answer.json().await.unwrap();
            match answer["errors"][0]["extensions"]["code"].as_str() {
                Some("INVALID_CREDENTIALS") => answered += 1,
                code => assert_eq!(code, Some("RATE_LIMITED"), "{answer}"),
            }
        }
        assert_eq!(answered, expected, "{flags:?}");
    }
}

/// Sends what a request begins with, and then nothing; gives what is answered until the end.
async fn dawdle(app: &App, beginning: &str) -> String {
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    stream.write_all(beginning.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
    reading.await.expect("the server ends it").unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_arrive_is_given_up() {
    let app = start(&["--request-seconds", "1"]).await;
    for beginning in ["", "P", "PRI * HTTP/2.0\r\n", "POST /graphql HTTP/1.1\r\nhost: a\r\n"] {
        dawdle(&app, beginning).await;
    }
    let head = "POST /graphql HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let answer = dawdle(&app, head).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("BAD_USER_INPUT"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_results_takes_a_sockets_place_and_shows_that_it_lives() {
    let app = start(&["--max-sockets-per-address", "1", "--socket-ping-seconds", "1"]).await;
    let watch = "subscription { remainingTickets { version } }";
    let open = async |accept: &str| {
        app.request(None, watch, json!({})).header("accept", accept).send().await.unwrap()
    };
    let mut events = open("text/event-stream").await;
    assert_eq!(events.chunk().await.unwrap().unwrap(), ": \n\n");
    assert_eq!(open("text/event-stream").await.status(), 429);
    let sign_of_life = timeout(Duration::from_secs(10), events.chunk()).await.unwrap();
    assert_eq!(sign_of_life.unwrap().unwrap(), ":\n\n");
    drop(events);
    let mut parts = None;
    wait_until(Duration::from_secs(10), "the stream's place is free", async || {
        let answer = open("multipart/mixed;subscriptionSpec=1.0, application/json").await;
        parts = Some(answer).filter(|answer| answer.status() == 200);
        parts.is_some()
    })
    .await;
    let mut parts = parts.unwrap();
    let (user, event) = (app.user().await, app.event("Concert", 2).await);
    app.book(&user, &event, 1).await;
    let mut said = String::new();
    while !said.contains("\"version\"") {
        let chunk =
            timeout(Duration::from_secs(10), parts.chunk()).await.unwrap().unwrap().unwrap();
        said.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let result = "--graphql\r\ncontent-type: application/json\r\n\r\n{\"payload\":{\"data\":\
        {\"remainingTickets\":{\"version\":1}}}}\r\n--graphql";
    assert!(said.ends_with(result), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_takes_nothing_is_given_up() {
    let app = start(&["--request-seconds", "1", "--max-sockets-per-address", "1"]).await;
    let mut greedy = Socket::open(&app.url, MODERN, json!({})).await;
    // Answers that nobody reads, until no more of them fit on the way.
    let list = json!({ "query": "{ events(first: 50) { nodes { id title description venue } } }" });
    for id in 0.. {
        let ask = json!({ "type": "subscribe", "id": id.to_string(), "payload": list });
        let sending = greedy.stream().send(Message::text(ask.to_string()));
        if !matches!(timeout(Duration::from_millis(500), sending).await, Ok(Ok(()))) {
            break;
        }
    }
    until_a_socket_opens(&app, Duration::from_secs(20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_has_so_many_operations_and_events_at_once() {
    let app = start(&["--max-subscriptions-per-socket", "10"]).await;
    let event = app.event("Concert", 5).await;
    // Their answers wait for each other, so most of these run at once.
    let mut busy = Socket::open(&app.url, MODERN, json!({})).await;
    let ask = json!({ "query": "{ me { id } events { nodes { id } } }" });
    for id in 0..500 {
        let ask = json!({ "type": "subscribe", "id": format!("x{id}"), "payload": ask });
        // It may be closed by now.
        let _ = busy.stream().send(Message::text(ask.to_string())).await;
    }
    assert_eq!(busy.closed().await, Some(1008));

    let mut curious = Socket::open(&app.url, MODERN, json!({})).await;
    let ids = vec![event; 200];
    for _ in 0..5 {
        curious.start(WATCH, json!({ "ids": ids })).await;
        assert_eq!(curious.next().await["errors"], json!(null));
    }
    curious.start(WATCH, json!({ "ids": ids })).await;
    let refused = curious.next().await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX", "{refused}");
}
