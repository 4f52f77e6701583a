//! Streams of results over HTTP, for clients that open no WebSocket.
//!
//! [Server-Sent Events][sse] follow the mode "distinct connections" of graphql-sse. Streams in
//! [parts][multipart] follow Apollo's protocol.
//!
//! [sse]: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
//! [multipart]:
//!   https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol

use std::{convert::Infallible, sync::Arc};

use async_graphql::Response as GraphqlResponse;
use axum::{
    body::{Body, Bytes},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tracing::Instrument;

use super::{
    access_log,
    answer::Answer,
    negotiation::{Format, JSON},
    open_sockets::{SocketPermit, too_many_sockets},
    state::App,
};
use crate::{
    accounts::Viewer,
    graphql::{Admitted, ClientApi, RequestId, was_refused},
    limits::ClientAddress,
    telemetry,
};

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::ServerSentEvents => "text/event-stream; charset=utf-8",
            Self::Multipart => r#"multipart/mixed; boundary="graphql"; subscriptionSpec="1.0""#,
        }
    }

    /// The start of the body. It is sent at once, so that clients see that the stream has begun.
    fn start(self) -> Bytes {
        Bytes::from_static(match self {
            Self::ServerSentEvents => b":\n\n",
            Self::Multipart => b"--graphql",
        })
    }

    fn result(self, result: &GraphqlResponse) -> Bytes {
        // It is written at once: a `serde_json::Value` would sort the fields.
        let json = serde_json::to_string(result).unwrap_or_default();
        match self {
            Self::ServerSentEvents => format!("event: next\ndata: {json}\n\n").into(),
            Self::Multipart => part(&format!(r#"{{"payload":{json}}}"#)),
        }
    }

    fn heartbeat(self) -> Bytes {
        match self {
            Self::ServerSentEvents => Bytes::from_static(b":\n\n"),
            Self::Multipart => part("{}"),
        }
    }

    /// The end of the body, after the last result. A browser ignores an event without `data`.
    fn end(self) -> Bytes {
        Bytes::from_static(match self {
            Self::ServerSentEvents => b"event: complete\ndata: \n\n",
            Self::Multipart => b"--\r\n",
        })
    }
}

/// A part with the boundary that ends it.
fn part(json: &str) -> Bytes {
    format!("\r\ncontent-type: application/json\r\n\r\n{json}\r\n--graphql").into()
}

/// The results of an operation that have not been sent yet.
struct Results {
    app: App,
    stream: BoxStream<'static, GraphqlResponse>,
    heartbeats: Interval,
    is_over: bool,
    _permit: SocketPermit,
}

/// Answers with all results of a request.
pub(super) async fn answer(
    app: &App,
    api: &ClientApi,
    address: ClientAddress,
    admitted: Admitted,
    viewer: Viewer,
    format: Format,
) -> Response {
    let label = Arc::clone(&admitted.operation.label);
    let Some(permit) = app.sockets.open(&api.client) else { return too_many_sockets() };
    let id = RequestId::new();
    let data = app.session_data(viewer, address, id.clone(), api.held.clone());
    let span = tracing::error_span!("stream", id = %id.0);
    let results = api.start(admitted, Arc::new(data)).instrument(span.clone()).await;
    let mut results = telemetry::in_span(span, results);
    // Operations that are refused before execution get an ordinary 400.
    let first = match results.next().now_or_never() {
        Some(Some(refused)) if was_refused(&refused) => {
            let answer = Answer::new(&refused, JSON).with_bad_request().with_id(&id);
            return access_log::answered(answer.into_response(), &label);
        }
        first => first.flatten(),
    };
    let interval = app.socket_timeouts.ping_interval;
    let mut heartbeats = interval_at(Instant::now() + interval, interval);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = stream::iter(first).chain(results);
    let results = Results {
        app: Arc::clone(app),
        stream: access_log::log_first_result(stream, Some(&id), label, Some(StatusCode::OK)),
        heartbeats,
        is_over: false,
        _permit: permit,
    };
    let rest = stream::unfold(results, move |mut results| async move {
        let bytes = results.next(format).await?;
        Some((bytes, results))
    });
    let body = stream::iter([format.start()]).chain(rest).map(Ok::<_, Infallible>);
    let headers = [
        (header::CONTENT_TYPE.as_str(), format.media_type()),
        (header::CACHE_CONTROL.as_str(), "no-store"),
        // Makes proxies such as nginx pass on each result at once.
        ("x-accel-buffering", "no"),
        ("x-request-id", &id.0),
    ];
    (headers, Body::from_stream(body)).into_response()
}

impl Results {
    /// The next bytes of the body; `None` at its end.
    async fn next(&mut self, format: Format) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        tokio::select! {
            // When the server stops, the stream ends without a final message, so that clients
            // connect again.
            () = self.app.sockets.closing() => None,
            result = self.stream.next() => Some(match result {
                Some(result) => format.result(&result),
                None => {
                    self.is_over = true;
                    format.end()
                }
            }),
            _ = self.heartbeats.tick() => Some(format.heartbeat()),
        }
    }
}
