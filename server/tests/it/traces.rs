//! The traces that an OpenTelemetry collector receives.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value},
    trace::v1::Span,
};
use prost::Message;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, time::Instant};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::{
    app::{BOOK, JWT_SECRET},
    database::{Engine, new_database},
    demo::{LIMITED_CONCERT, LOG_IN_AS_ADA},
    program::Program,
    socket::{MODERN_PROTOCOL, Socket},
};

/// Starts a collector. Returns its address and the exports that it has received.
async fn collector() -> (String, Arc<Mutex<Vec<Bytes>>>) {
    let exports = Arc::<Mutex<Vec<Bytes>>>::default();
    let stored = Arc::clone(&exports);
    let store = post(move |body: Bytes| async move { stored.lock().unwrap().push(body) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server_task = axum::serve(listener, Router::new().route("/v1/traces", store));
    tokio::spawn(async { server_task.await.unwrap() });
    (url, exports)
}

async fn server(folder: &TempDir, collector: &str) -> Program {
    let database = new_database(Engine::Postgres, folder).await;
    Program::serve_database(&database, &[("OTEL_EXPORTER_OTLP_ENDPOINT", collector)]).await
}

/// Sends an operation. Returns its data and the id of its request.
async fn send(
    server: &Program,
    token: Option<&str>,
    query: &str,
    variables: Value,
) -> (Value, String) {
    let answer = server.request(token, query, variables).send().await.unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    (answer.json::<Value>().await.unwrap()["data"].take(), id)
}

async fn log_in(server: &Program) -> String {
    let (mut data, _) = send(server, None, LOG_IN_AS_ADA, json!({})).await;
    data["login"]["accessToken"].take().as_str().unwrap().to_owned()
}

fn string_attribute<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    let value = attributes.iter().find(|attribute| attribute.key == name)?.value.as_ref()?;
    match value {
        AnyValue { value: Some(any_value::Value::StringValue(text)) } => Some(text),
        _ => None,
    }
}

fn spans_in(exports: &[Bytes]) -> Vec<Span> {
    let mut spans = Vec::new();
    for body in exports {
        let export = ExportTraceServiceRequest::decode(body.clone()).unwrap();
        for resource in export.resource_spans {
            let attributes = resource.resource.unwrap();
            assert_eq!(string_attribute(&attributes.attributes, "service.name"), Some("rowlock"));
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    spans
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_leads_from_the_request_to_its_sql_statements() {
    let folder = TempDir::new().unwrap();
    let (url, exports) = collector().await;
    let server = server(&folder, &url).await;
    let token = log_in(&server).await;
    let input = json!({ "input": { "eventId": LIMITED_CONCERT } });
    let (booked, id) = send(&server, Some(&token), BOOK, input).await;
    let booking = booked["bookEvent"]["booking"]["id"].as_str().unwrap();
    server.terminate();
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");

    // The stopping server has exported all spans, although it ran only briefly.
    let exports: Vec<_> = exports.lock().unwrap().drain(..).collect();
    let spans = spans_in(&exports);
    let request = spans
        .iter()
        .find(|span| {
            span.name == "request" && string_attribute(&span.attributes, "id") == Some(&id)
        })
        .unwrap_or_else(|| panic!("no span has the id of the request:\n{log}"));
    assert_eq!(string_attribute(&request.attributes, "operation"), Some("bookEvent"));
    assert_eq!(request.parent_span_id, [0_u8; 0]);
    let child_of = |parent: &Span, predicate: &dyn Fn(&Span) -> bool| {
        let is_child = |span: &&Span| {
            span.trace_id == request.trace_id
                && span.parent_span_id == parent.span_id
                && predicate(span)
        };
        spans.iter().find(is_child).expect("the span has the expected child").clone()
    };
    let batch = child_of(request, &|span| span.name == "batch");
    for statement in ["FOR NO KEY UPDATE", "INSERT INTO bookings", "UPDATE events"] {
        child_of(&batch, &|span| {
            string_attribute(&span.attributes, "db.statement")
                .is_some_and(|sql| sql.contains(statement))
        });
    }
    // The exports contain no values of statements.
    let all = exports.iter().flat_map(|body| body.iter().copied()).collect::<Vec<u8>>();
    let all = String::from_utf8_lossy(&all);
    for secret in ["ada@example.org", "ada-demo-1", &token, booking, JWT_SECRET] {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_collector_delays_neither_requests_nor_the_stop() {
    let folder = TempDir::new().unwrap();
    let silent_collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent_collector.local_addr().unwrap());
    let server = server(&folder, &url).await;
    let sent_at = Instant::now();
    log_in(&server).await;
    assert!(sent_at.elapsed().as_secs() < 5, "{:?}", sent_at.elapsed());
    let stopped_at = Instant::now();
    server.terminate();
    let (status, log) = server.wait();
    assert!(status.success() && stopped_at.elapsed().as_secs() < 8, "{log}");
}

/// The ids of a client's trace and of the span in it that sends requests.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_sockets_and_streams_are_parts_of_their_clients_trace() {
    let folder = TempDir::new().unwrap();
    let (url, exports) = collector().await;
    let server = server(&folder, &url).await;
    let trace_parent = format!("00-{TRACE}-{PARENT}-01");
    let with_trace = |request: RequestBuilder| {
        let request = request.header("traceparent", &trace_parent);
        request.header("tracestate", "vendor=1").header("tracestate", "other=2")
    };
    let request = |query| server.request(None, query, json!({}));
    let mut ids = Vec::new();
    let query = "{ events(first: 1) { nodes { id } } }";
    // The last one could share the execution of an equal query.
    for text in [LOG_IN_AS_ADA, "{ event(id: \"x\") { id } }", query, query, query] {
        let answer = with_trace(request(text)).send().await.unwrap();
        ids.push(answer.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    let stream = with_trace(request("{ me { id } }")).header("accept", "text/event-stream");
    stream.send().await.unwrap().text().await.unwrap();
    let mut upgrade =
        format!("{}/graphql", server.url.replacen("http", "ws", 1)).into_client_request().unwrap();
    upgrade.headers_mut().insert("sec-websocket-protocol", MODERN_PROTOCOL.parse().unwrap());
    upgrade.headers_mut().insert("traceparent", trace_parent.parse().unwrap());
    let mut socket = Socket::upgrade(upgrade).await.unwrap();
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.next_message().await["type"], "connection_ack");
    socket.run("query OnSocket { node(id: \"x\") { id } }", json!({})).await;

    let mut strangers = Vec::new();
    let not_sampled = format!("00-{TRACE}-{PARENT}-00");
    for ignored in [
        "",
        "x",
        &trace_parent.to_uppercase(),
        &trace_parent.replacen("00-", "ff-", 1),
        &trace_parent.replacen("00-", "0-", 1),
        &format!("{trace_parent}-01"),
        &format!("00-{}-{PARENT}-01", "0".repeat(32)),
        &format!("00-{TRACE}-{}-01", "0".repeat(16)),
        &format!("00-{}-{PARENT}-01", &TRACE[1..]),
    ] {
        let request = request(LOG_IN_AS_ADA).header("traceparent", ignored);
        let answer = request.send().await.unwrap();
        strangers.push(answer.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    let twice = request(LOG_IN_AS_ADA).header("traceparent", &trace_parent);
    let twice = twice.header("traceparent", &trace_parent).send().await.unwrap();
    strangers.push(twice.headers()["x-request-id"].to_str().unwrap().to_owned());
    let unseen = request(LOG_IN_AS_ADA).header("traceparent", &not_sampled).send().await.unwrap();
    let unseen = unseen.headers()["x-request-id"].to_str().unwrap().to_owned();
    server.terminate();
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");

    let exports: Vec<_> = exports.lock().unwrap().drain(..).collect();
    let spans = spans_in(&exports);
    let with_id =
        |id: &str| spans.iter().find(|span| string_attribute(&span.attributes, "id") == Some(id));
    for id in &ids {
        let span = with_id(id).unwrap_or_else(|| panic!("no span has this id: {id}"));
        assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.into(), PARENT.into()));
        assert_eq!(span.trace_state, "vendor=1,other=2");
    }
    for name in ["me", "node"] {
        let is_it = |span: &&Span| {
            span.name == "operation" && string_attribute(&span.attributes, "name") == Some(name)
        };
        let span = spans.iter().find(is_it).unwrap_or_else(|| panic!("no span of {name}"));
        assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.into(), PARENT.into()));
    }
    for id in &strangers {
        let span = with_id(id).unwrap_or_else(|| panic!("no span has this id: {id}"));
        assert_ne!(hex(&span.trace_id), TRACE);
        assert_eq!(span.parent_span_id, [0_u8; 0]);
    }
    assert!(with_id(&unseen).is_none(), "the client does not record this trace");
}
