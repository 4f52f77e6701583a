//! Streams of results over HTTP, for clients that open no WebSocket.
//!
//! Results come as Server-Sent Events ("distinct connections" of graphql-sse), or in parts:
//! <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>
//! <https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol>

use std::{convert::Infallible, sync::Arc};

use async_graphql::{Executor, Request, Response as GraphqlResponse, parser::types::OperationType};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{
    FutureExt, Stream, StreamExt,
    stream::{self, BoxStream},
};
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::{
    answer::{Answer, was_refused},
    negotiation::{JSON, accepts},
    open_sockets::{SocketPermit, too_many_sockets},
    origin::Peer,
    state::App,
};
use crate::{accounts::Viewer, graphql::RequestId, telemetry};

/// The format of a stream of results.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    ServerSentEvents,
    Multipart,
}

impl Format {
    /// The format that the client asks for; `None` if it wants a single answer.
    pub(super) fn accepted(headers: &HeaderMap, operation: Option<OperationType>) -> Option<Self> {
        if accepts(headers, "text/event-stream") {
            return Some(Self::ServerSentEvents);
        }
        // Clients also accept this type for a query whose single answer may come in parts.
        let is_subscription = operation == Some(OperationType::Subscription);
        (is_subscription && accepts(headers, "multipart/mixed")).then_some(Self::Multipart)
    }
}

/// Answers a request with a stream of all its results.
pub(super) fn answer(
    app: &App,
    peer: Peer,
    headers: &HeaderMap,
    request: Request,
    viewer: Viewer,
    format: Format,
) -> Response {
    let address = app.client_address(peer, headers);
    let Some(permit) = app.sockets.open(address) else { return too_many_sockets() };
    let id = RequestId::new();
    let data = app.session_data(viewer, address, id.clone());
    let span = tracing::error_span!("stream", id = %id.0);
    let results = app.api.execute_stream(request, Some(Arc::new(data)));
    let mut results = telemetry::in_span(span, results);
    // Operations that are refused before execution get an ordinary 400.
    let first = match results.next().now_or_never() {
        Some(Some(refused)) if was_refused(&refused) => {
            let answer = Answer::new(&refused, JSON);
            return answer.with_status(StatusCode::BAD_REQUEST).into_response();
        }
        first => first.flatten(),
    };
    let results = stream::iter(first).chain(results);
    // When the server stops, the stream ends without a final message, so that clients connect
    // again.
    let (sockets, app) = (app.sockets.clone(), Arc::clone(app));
    let closing = async move { sockets.closing().await };
    let response = match format {
        Format::ServerSentEvents => server_sent_events(&app, results, closing, permit),
        Format::Multipart => multipart(&app, results, closing, permit),
    };
    let headers = [
        (header::CACHE_CONTROL.as_str(), "no-store"),
        // Makes proxies such as nginx pass on each result at once.
        ("x-accel-buffering", "no"),
        ("x-request-id", &id.0),
    ];
    (headers, response).into_response()
}

fn server_sent_events(
    app: &App,
    results: impl Stream<Item = GraphqlResponse> + Send + 'static,
    closing: impl Future<Output = ()> + Send + 'static,
    permit: SocketPermit,
) -> Response {
    let event = |name, data: String| Event::default().event(name).data(data);
    let events = results
        .map(move |result| event("next", json!(result).to_string()))
        .chain(stream::once(async move { event("complete", String::new()) }));
    // Send a comment at once, so that clients see that the stream has begun.
    let events = stream::iter([Event::DEFAULT_KEEP_ALIVE]).chain(events);
    let events = events.take_until(closing).map(move |event| {
        // The stream holds the permit until it ends.
        let _ = &permit;
        Ok::<_, Infallible>(event)
    });
    let keep_alive = KeepAlive::new().interval(app.socket_timeouts.ping_interval);
    Sse::new(events).keep_alive(keep_alive).into_response()
}

/// The results that have not been sent yet. async-graphql's own multipart stream is not used: it
/// sends a boundary only together with the next part, so clients would see each result one part
/// late.
struct Parts {
    results: BoxStream<'static, GraphqlResponse>,
    heartbeats: Interval,
    is_over: bool,
    _permit: SocketPermit,
}

fn multipart(
    app: &App,
    results: impl Stream<Item = GraphqlResponse> + Send + 'static,
    closing: impl Future<Output = ()> + Send + 'static,
    permit: SocketPermit,
) -> Response {
    let interval = app.socket_timeouts.ping_interval;
    let mut heartbeats = interval_at(Instant::now() + interval, interval);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let parts = Parts { results: results.boxed(), heartbeats, is_over: false, _permit: permit };
    let parts = stream::unfold(parts, async |mut parts| Some((parts.next().await?, parts)));
    let body = stream::iter([Bytes::from_static(b"--graphql")])
        .chain(parts.take_until(closing))
        .map(Ok::<_, Infallible>);
    let media_type = r#"multipart/mixed; boundary="graphql"; subscriptionSpec="1.0""#;
    ([(header::CONTENT_TYPE, media_type)], Body::from_stream(body)).into_response()
}

impl Parts {
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        Some(tokio::select! {
            result = self.results.next() => match result {
                Some(result) => part(&json!({ "payload": result }).to_string()),
                None => {
                    self.is_over = true;
                    Bytes::from_static(b"--\r\n")
                }
            },
            _ = self.heartbeats.tick() => part("{}"),
        })
    }
}

/// A part with the boundary that ends it.
fn part(json: &str) -> Bytes {
    format!("\r\ncontent-type: application/json\r\n\r\n{json}\r\n--graphql").into()
}
