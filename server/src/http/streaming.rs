//! Operations that answer on and on over HTTP, for clients that open no WebSocket: as Server-Sent Events in
//! the way of <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md> ("distinct connections"), or
//! in parts as <https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol>
//! has it.

use std::{convert::Infallible, sync::Arc};

use async_graphql::{Executor, Request, parser::types::OperationType};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::{
    App, Peer,
    graphql::{JSON, accepts, encode, never_ran, refuse},
    sockets::{NO_PLACE, Place},
};
use crate::{
    accounts::access_tokens::Viewer,
    graphql::{errors::ApiError, execution::RequestId},
    telemetry,
};

/// How results follow each other in a body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    Events,
    Parts,
}

impl Format {
    /// The one that the client asks for, unless it wants a single answer.
    pub(super) fn wanted(headers: &HeaderMap, operation: Option<OperationType>) -> Option<Self> {
        if accepts(headers, "text/event-stream") {
            return Some(Self::Events);
        }
        // Clients name this one also where they would take the parts of a single answer.
        let is_subscription = operation == Some(OperationType::Subscription);
        (is_subscription && accepts(headers, "multipart/mixed")).then_some(Self::Parts)
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream; charset=utf-8",
            Self::Parts => r#"multipart/mixed; boundary="graphql"; subscriptionSpec="1.0""#,
        }
    }

    /// What the body begins with. A boundary follows each part at once, as it is what tells its end.
    fn beginning(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Events => b":\n\n",
            Self::Parts => b"--graphql",
        })
    }

    fn result(self, result: &async_graphql::Response) -> Bytes {
        match self {
            Self::Events => format!("event: next\ndata: {}\n\n", json!(result)).into(),
            Self::Parts => part(&json!({ "payload": result }).to_string()),
        }
    }

    /// A sign of life.
    fn nothing(self) -> Bytes {
        match self {
            Self::Events => Bytes::from_static(b":\n\n"),
            Self::Parts => part("{}"),
        }
    }

    fn end(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Events => b"event: complete\ndata: \n\n",
            Self::Parts => b"--\r\n",
        })
    }
}

fn part(json: &str) -> Bytes {
    format!("\r\ncontent-type: application/json\r\n\r\n{json}\r\n--graphql").into()
}

/// An operation's results that are still to come.
struct Results {
    app: App,
    stream: BoxStream<'static, async_graphql::Response>,
    pings: Interval,
    is_over: bool,
    _place: Place,
}

/// Answers with all results of a request.
pub(super) fn answer(
    app: &App,
    peer: Peer,
    headers: &HeaderMap,
    (request, viewer): (Request, Viewer),
    format: Format,
) -> Response {
    let address = app.client_address(peer, headers);
    // It keeps a connection as a socket does.
    let Some(place) = app.sockets.take_place(address) else {
        return refuse(StatusCode::TOO_MANY_REQUESTS, ApiError::TooComplex(NO_PLACE.to_owned()));
    };
    let id = RequestId::new();
    let session = app.session(viewer, address, id.clone());
    let span = tracing::error_span!("stream", id = %id.0);
    let stream = app.api.execute_stream(request, Some(Arc::new(session)));
    let mut stream = telemetry::within(span, stream);
    // What is refused before it begins is so at once, and told as any other answer.
    let first = match stream.next().now_or_never() {
        Some(Some(refused)) if never_ran(&refused) => {
            let mut answer = encode(&refused, JSON);
            answer.status = StatusCode::BAD_REQUEST;
            return answer.into_response();
        }
        first => first.flatten(),
    };
    let ping = app.socket_patience.ping;
    let mut pings = interval_at(Instant::now() + ping, ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = stream::iter(first).chain(stream).boxed();
    let results = Results { app: Arc::clone(app), stream, pings, is_over: false, _place: place };
    let rest = stream::unfold(results, move |mut results| async move {
        let bytes = results.next(format).await?;
        Some((bytes, results))
    });
    let body = stream::iter([format.beginning()]).chain(rest).map(Ok::<_, Infallible>);
    let headers = [
        (header::CONTENT_TYPE.as_str(), format.media_type()),
        (header::CACHE_CONTROL.as_str(), "no-store"),
        // Proxies such as nginx pass on what comes as it comes.
        ("x-accel-buffering", "no"),
        ("x-request-id", &id.0),
    ];
    (headers, Body::from_stream(body)).into_response()
}

impl Results {
    /// What is to be sent next; none at the end.
    async fn next(&mut self, format: Format) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        tokio::select! {
            // Without a word, so that clients come again.
            () = self.app.sockets.closing() => None,
            result = self.stream.next() => Some(match result {
                Some(result) => format.result(&result),
                None => {
                    self.is_over = true;
                    format.end()
                }
            }),
            _ = self.pings.tick() => Some(format.nothing()),
        }
    }
}
