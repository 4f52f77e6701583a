//! The path `/graphql`: takes a request for any transport, and logs how it was answered.

use axum::{
    Extension,
    extract::{
        RawQuery, Request, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{
    access_log::Line, answer::refuse, arrived::Arrived, client_address::Peer, graphql, state::App,
    trace_parent::TraceParent,
};
use crate::graphql::ApiError;

pub(super) async fn post(state: State<App>, peer: Peer, request: Request) -> Response {
    let line = Line::start();
    let trace = TraceParent::of(request.headers());
    let mut response = trace.run(graphql::post(state, peer, request)).await;
    line.finish(&mut response);
    response
}

pub(super) async fn get_or_upgrade(
    state: State<App>,
    peer: Peer,
    query: RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    arrived: Extension<Arrived>,
    headers: HeaderMap,
) -> Response {
    let line = Line::start();
    let trace = TraceParent::of(&headers);
    let answering = graphql::get_or_upgrade(state, peer, query, upgrade, arrived, headers);
    let mut response = trace.run(answering).await;
    line.finish(&mut response);
    response
}

/// Refuses a request with another method.
pub(super) async fn method_not_allowed() -> Response {
    let line = Line::start();
    let error = ApiError::field("query", "Send queries by POST or GET, and mutations by POST.");
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, error);
    line.finish(&mut response);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of what an asynchronous function of three arguments keeps while it runs, in bytes.
    fn size_of_future<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_request_is_small_until_it_is_executed() {
        // The layers above move a request several times. What executes it is boxed.
        assert!(size_of_future(post) <= 4_096, "{} bytes", size_of_future(post));
    }
}
