//! What one client may make the server hold and compute, in bytes and in time.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest, http::HeaderValue};

use crate::{
    app::{App, aliased, error_code},
    database::Engine,
    on_both_engines,
    socket::{LEGACY_PROTOCOL, MODERN_PROTOCOL, Socket, WATCH_COUNTS},
    waiting::wait_until,
};

const SUBSCRIPTION: &str = "subscription { remainingTickets { version } }";
const HEADER: [&str; 2] = ["--client-address-header", "x-forwarded-for"];

on_both_engines! {
    variables_that_no_operation_declares_are_not_kept
    a_variable_has_a_limited_number_of_values
    subscriptions_that_hold_too_much_are_refused
}

async fn start_app(flags: &[&str]) -> App {
    App::start_with(Engine::Sqlite, flags).await
}

fn code(answer: &Value) -> &str {
    error_code(&answer["errors"][0])
}

fn subscription_with_aliases(count: usize) -> String {
    let aliases: String = (0..count).map(|number| format!("a{number}: version ")).collect();
    format!("subscription {{ remainingTickets {{ {aliases} }} }}")
}

async fn variables_that_no_operation_declares_are_not_kept(app: App) {
    let (user, event) = (app.user().await, app.event("Concert", 5).await);
    // Kept, these numbers would take more than the socket may hold.
    let undeclared = json!({ "x": vec![0; 20_000] });
    for protocol in [MODERN_PROTOCOL, LEGACY_PROTOCOL] {
        let mut socket = Socket::open(&app.url, protocol, json!({})).await;
        for _ in 0..20 {
            socket.start(SUBSCRIPTION, undeclared.clone()).await;
        }
        assert_eq!(socket.run("{ __typename }", undeclared.clone()).await["errors"], json!(null));
        app.book(&user, &event, 1).await;
        for _ in 0..20 {
            assert_eq!(socket.next_result().await["errors"], json!(null));
        }
        app.execute_sql("DELETE FROM bookings").await;
        app.execute_sql("UPDATE events SET remaining_tickets = total_tickets").await;
    }
}

async fn a_variable_has_a_limited_number_of_values(app: App) {
    let query = WATCH_COUNTS;
    let many = json!({ "ids": vec![0; 2_500] });
    let answer = app.send(None, query, many.clone()).await;
    assert_eq!(code(&answer), "BAD_USER_INPUT", "{answer}");
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    assert_eq!(code(&socket.run(query, many).await), "BAD_USER_INPUT", "also in a small message");
    let long = json!({ "ids": vec!["a-value-of-some-length"; 2_500] });
    socket.start(query, long).await;
    assert_eq!(socket.close_code().await, Some(1008));
}

async fn subscriptions_that_hold_too_much_are_refused(app: App) {
    let query = subscription_with_aliases(900);
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(socket.start(&query, json!({})).await);
    }
    let refused = socket.next_result().await;
    assert_eq!(code(&refused), "RATE_LIMITED", "{refused}");
    // When others have ended, there is room again.
    for id in ids {
        socket.stop(id).await;
    }
    wait_until(Duration::from_secs(10), "there is room again", async || {
        let answer = timeout(Duration::from_millis(300), async {
            socket.start(&query, json!({})).await;
            socket.next_result().await
        });
        // Nothing comes of a subscription before a count changes.
        answer.await.is_err()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_sockets_of_one_address_share_its_limit() {
    let limits = ["--max-held-bytes-per-address", "1000000"];
    let app = start_app(&[&limits[..], &HEADER].concat()).await;
    let query = subscription_with_aliases(900);
    let open = async |address: &'static str| {
        let request = app.request(None, &query, json!({}));
        let request = request.header("accept", "text/event-stream");
        request.header("x-forwarded-for", address).send().await.unwrap()
    };
    let mut open_streams = Vec::new();
    let refused = loop {
        let answer = open("192.0.2.1").await;
        if answer.status() != 200 {
            break answer;
        }
        open_streams.push(answer);
    };
    assert!((2..10).contains(&open_streams.len()), "{}", open_streams.len());
    assert_eq!(refused.status(), 429);
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(code(&refused), "RATE_LIMITED", "{refused}");
    assert_eq!(open("192.0.2.2").await.status(), 200, "another address has room");
    drop(open_streams);
    wait_until(Duration::from_secs(10), "the address has room again", async || {
        open("192.0.2.1").await.status() == 200
    })
    .await;
}

/// Fragments whose use depends on a variable are written out for each operation.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_out_for_one_operation_counts() {
    let app = start_app(&["--max-held-bytes-per-address", "5000000"]).await;
    let uses = (0..8).map(|number| format!("e{number}: event {{ ...F }} ")).collect::<String>();
    let aliases = (0..200).map(|number| format!("a{number}: title ")).collect::<String>();
    let query = format!(
        "subscription($x: Boolean!) {{ remainingTickets {{ version @include(if: $x) {uses} }} }} \
         fragment F on Event {{ {aliases} }}"
    );
    let mut open_streams = Vec::new();
    loop {
        let request = app.request(None, &query, json!({ "x": true }));
        let answer = request.header("accept", "text/event-stream").send().await.unwrap();
        if answer.status() == 429 {
            break;
        }
        assert_eq!(answer.status(), 200);
        open_streams.push(answer);
        assert!(open_streams.len() < 10, "each takes more than half a megabyte");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_no_pongs_may_send_no_more_pings() {
    let app = start_app(&["--request-seconds", "60"]).await;
    let mut socket = Socket::connect_without_init(&app.url, MODERN_PROTOCOL).await.unwrap();
    let mut sent = 0;
    let pings = async {
        while socket.stream().send(Message::Ping(vec![0; 125].into())).await.is_ok() {
            sent += 125;
        }
    };
    // The kernel's buffers take some megabytes, and the server takes nothing more.
    let _ = timeout(Duration::from_secs(3), pings).await;
    assert!(sent < 20_000_000, "{sent} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_its_pongs_may_send_any_number_of_pings() {
    let app = start_app(&["--max-held-bytes-per-socket", "100000"]).await;
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    // All together, they are more than the socket may hold.
    for _ in 0..1_000 {
        socket.stream().send(Message::Ping(vec![0; 125].into())).await.unwrap();
        let pong = timeout(Duration::from_secs(10), socket.stream().next()).await.unwrap();
        assert!(matches!(pong, Some(Ok(Message::Pong(_)))), "{pong:?}");
    }
    assert_eq!(socket.run("{ __typename }", json!({})).await["data"]["__typename"], "Query");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_stay_unfinished_count() {
    let limits =
        ["--max-held-bytes-per-address", "1000000", "--max-held-bytes-per-socket", "100000"];
    let app = start_app(&limits).await;
    let upgrade = format!("ws://{}/graphql", app.address()).into_client_request().unwrap();
    let key = upgrade.headers()["sec-websocket-key"].to_str().unwrap();
    let upgrade = format!(
        "GET /graphql HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\
         sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
    );
    // A text frame that announces 60,000 bytes, of which the last one never comes.
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend(60_000_u16.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend([b'x'; 59_999]);
    let open = join_all((0..40).map(|_| async {
        let mut stream = TcpStream::connect(app.address()).await.unwrap();
        stream.write_all(upgrade.as_bytes()).await.unwrap();
        let _ = stream.write_all(&frame).await;
        let mut answer = [0; 1_024];
        let mut end = Vec::new();
        let _ = stream.read(&mut answer).await;
        // The sockets that may wait stay open for longer than this.
        timeout(Duration::from_secs(3), stream.read_to_end(&mut end)).await.is_err()
    }));
    let open = open.await.into_iter().filter(|is_open| *is_open).count();
    // What comes together with the head is not counted.
    assert!((10..=25).contains(&open), "{open} of 40 sockets are still open");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_stay_unfinished_count() {
    let app = start_app(&["--max-held-bytes-per-address", "1000000"]).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
        content-length: 60000\r\n\r\n";
    let refused = join_all((0..40).map(|_| async {
        let mut stream = TcpStream::connect(app.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let _ = stream.write_all(&[b' '; 59_999]).await;
        let mut answer = [0; 1_024];
        let answered = timeout(Duration::from_secs(3), stream.read(&mut answer)).await;
        answered.is_ok_and(|read| {
            let answer = String::from_utf8_lossy(&answer[..read.unwrap_or(0)]).into_owned();
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 429 "), "{answer}");
            true
        })
    }));
    let refused = refused.await.into_iter().filter(|is_refused| *is_refused).count();
    assert!((20..=35).contains(&refused), "{refused} of 40 are refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_a_largest_size() {
    let app = start_app(&[]).await;
    let answer = app.get("/healthz").header("x", "x".repeat(10_000)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    let head = format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx: {}", "x".repeat(40_000));
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let reading = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
    let _ = reading.await.expect("the server closes the connection");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_limited_in_all_and_per_address() {
    // One address never takes more than half of all.
    for (flags, max) in
        [(["--max-connections-per-address", "10"], 10), (["--max-connections", "10"], 5)]
    {
        let app = start_app(&flags).await;
        let is_open = async |stream: &mut TcpStream| {
            let request = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
            stream.write_all(request).await.is_ok()
                && matches!(stream.read(&mut [0; 1_024]).await, Ok(1..))
        };
        let mut open = Vec::new();
        loop {
            let mut stream = TcpStream::connect(app.address()).await.unwrap();
            if !is_open(&mut stream).await {
                break;
            }
            open.push(stream);
        }
        assert_eq!(open.len(), max, "{flags:?}");
        // A socket goes on being a connection.
        open.pop();
        let mut socket = None;
        wait_until(Duration::from_secs(10), "a socket can be opened", async || {
            socket = Socket::connect_without_init(&app.url, MODERN_PROTOCOL).await.ok();
            socket.is_some()
        })
        .await;
        let mut one_more = TcpStream::connect(app.address()).await.unwrap();
        assert!(!is_open(&mut one_more).await, "{flags:?}");
        assert!(is_open(&mut open[0]).await, "the others stay");
        open.clear();
        wait_until(Duration::from_secs(10), "there is room again", async || {
            is_open(&mut TcpStream::connect(app.address()).await.unwrap()).await
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_text_is_refused_on_every_way_before_it_is_parsed() {
    let app = start_app(&[]).await;
    let nested = format!("{{ events(first: {}", "[".repeat(30_000));
    for query in [aliased(1_001, "__typename"), "a ".repeat(30_000), nested] {
        let answer = app.send(None, &query, json!({})).await;
        assert_eq!(code(&answer), "QUERY_TOO_COMPLEX", "{answer}");
        let request = app.request(None, &query, json!({})).header("accept", "text/event-stream");
        let stream = request.send().await.unwrap();
        assert_eq!(stream.status(), 400);
        assert_eq!(code(&stream.json().await.unwrap()), "QUERY_TOO_COMPLEX");
        let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
        assert_eq!(code(&socket.run(&query, json!({})).await), "QUERY_TOO_COMPLEX");
    }
    // Comments, commas and strings are no tokens of their own.
    let long = format!("{{ __typename # {}\n {} }}", "a ".repeat(10_000), ", ".repeat(10_000));
    assert_eq!(app.data(None, &long, json!({})).await["__typename"], "Query");
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_errors_in_one_text_are_neither_made_nor_kept() {
    let app = start_app(&[]).await;
    let operations: String =
        (0..250).map(|number| format!("query A{number} {{ ...F }} ")).collect();
    let fields: String =
        (0..60).map(|number| format!("a{number}: event(id: $v) {{ id }} ")).collect();
    let many = format!("{operations} fragment F on Query {{ {fields} }}");
    assert_eq!(code(&app.send(None, &many, json!({})).await), "QUERY_TOO_COMPLEX");
    let unknown: String = (0..1_900).map(|number| format!("b{number} ")).collect();
    let few = format!("query {} {{ {unknown} }}", "A".repeat(10_000));
    for _ in 0..2 {
        let errors = app.send(None, &few, json!({})).await["errors"].take();
        let errors = errors.as_array().unwrap().clone();
        assert_eq!(errors.len(), 20);
        assert!(errors.iter().all(|error| error.to_string().len() < 2_000), "{}", errors[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_counts_each_item_of_its_lists() {
    let app = start_app(&[]).await;
    let inner = "name fields { name args { name type { name } } type { name } }";
    let fields =
        format!("fields {{ type {{ {inner} ofType {{ {inner} ofType {{ {inner} }} }} }} }}");
    let types = (0..20).map(|number| format!("a{number}: types {{ {fields} }} "));
    let query = format!("{{ __schema {{ {} }} }}", types.collect::<String>());
    let answer = app.send(None, &query, json!({})).await;
    assert_eq!(code(&answer), "QUERY_TOO_COMPLEX", "{answer}");
    let names = "query($n: String!) { __type(name: $n) { name fields { name } } }";
    let query = app.data(None, names, json!({ "n": "Query" })).await;
    assert_eq!(query["__type"]["name"], "Query");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_a_budget_for_texts_that_the_server_does_not_know() {
    let work = ["--work-ms-per-second-per-address", "100"];
    let app = start_app(&[&work[..], &HEADER].concat()).await;
    let send = async |address: &'static str, query: String| {
        let request = app.request(None, &query, json!({}));
        request.header("x-forwarded-for", address).send().await.unwrap()
    };
    let text = |number| format!("{{ a{number}: __typename {} }}", "__typename ".repeat(1_500));
    // What is used again and again is not pushed out by what was used once.
    let known = "{ known: __typename }";
    for _ in 0..3 {
        assert_eq!(send("192.0.2.2", known.to_owned()).await.status(), 200);
    }
    let mut number = 0;
    let refused = loop {
        number += 1;
        let answer = send("192.0.2.1", text(number)).await;
        if answer.status() != 200 {
            break answer;
        }
        assert!(number < 1_000);
    };
    assert_eq!(refused.status(), 429);
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(code(&refused), "RATE_LIMITED", "{refused}");
    assert!(refused["errors"][0]["extensions"]["retryAfter"].as_u64() > Some(0), "{refused}");
    assert_eq!(send("192.0.2.2", text(0)).await.status(), 200, "another address has its own");
    // What the server knows costs nothing.
    assert_eq!(send("192.0.2.1", known.to_owned()).await.status(), 200);
    let mut request = format!("ws://{}/graphql", app.address()).into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", HeaderValue::from_static(MODERN_PROTOCOL));
    headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let init = json!({ "type": "connection_init" });
    socket.send(Message::text(init.to_string())).await.unwrap();
    for id in number.. {
        assert!(id < 1_000);
        let payload = json!({ "query": text(id + 1) });
        let subscribe = json!({ "type": "subscribe", "id": id.to_string(), "payload": payload });
        socket.send(Message::text(subscribe.to_string())).await.unwrap();
        let answer = timeout(Duration::from_secs(10), socket.next()).await.unwrap();
        if answer.unwrap().unwrap().to_text().unwrap().contains("RATE_LIMITED") {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_was_refused_once_is_refused_again_on_every_transport() {
    let app = start_app(&[]).await;
    // A refusal must not spread to a transport on which the operation is possible.
    let subscription = app.send(None, SUBSCRIPTION, json!({})).await;
    assert_eq!(subscription["data"], json!(null));
    for (query, expected) in [
        ("{ nothing }", "BAD_USER_INPUT"),
        ("{ events(first: \"x\") { totalCount } }", "BAD_USER_INPUT"),
        ("{ __typename", "BAD_USER_INPUT"),
    ] {
        let first = app.send(None, query, json!({})).await;
        assert_eq!(code(&first), expected, "{first}");
        assert_eq!(app.send(None, query, json!({})).await, first);
        let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
        assert_eq!(socket.run(query, json!({})).await["errors"], first["errors"]);
    }
    let (user, event) = (app.user().await, app.event("Concert", 5).await);
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(SUBSCRIPTION, json!({})).await;
    assert_eq!(socket.run("{ __typename }", json!({})).await["data"]["__typename"], "Query");
    app.book(&user, &event, 1).await;
    assert_eq!(socket.next_result().await["errors"], json!(null));
}
