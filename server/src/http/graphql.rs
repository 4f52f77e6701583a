//! GraphQL over HTTP, following <https://graphql.github.io/graphql-over-http/draft/>.
//!
//! async-graphql-axum's request extractor is not used: it accepts `text/plain` bodies, which pages
//! of other sites may send, it runs mutations that come by GET, and it takes batches of any size.

use std::mem;

use async_graphql::parser::types::OperationType;
use axum::{
    body::Bytes,
    extract::{
        FromRequest, RawQuery, Request, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use tokio::time::{Instant, timeout};

use super::{
    answer::{Answer, refuse},
    negotiation::{GRAPHQL_JSON, JSON, accepts, answer_media_type, is_json},
    origin::{Peer, is_loopback},
    parameters::RawParameters,
    public_query::{PublicQuery, execute},
    state::App,
    streaming::{self, Format},
    websocket,
};
use crate::{
    accounts::Viewer,
    graphql::{ApiError, Operation, SessionCookie},
};

/// Handles an operation that comes by POST, with its parameters as a JSON object.
pub(super) async fn post(State(app): State<App>, peer: Peer, mut request: Request) -> Response {
    // Taking the headers saves the copy that their extractor makes.
    let headers = mem::take(request.headers_mut());
    if !is_json(&headers) {
        return refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiError::field("query", "Send the request as application/json in UTF-8."),
        );
    }
    let body = match timeout(app.body_timeout, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Err(_) => {
            let error = "The request's body did not arrive in time.";
            return refuse(StatusCode::REQUEST_TIMEOUT, ApiError::field("query", error));
        }
        Ok(Err(rejection)) => {
            let error = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    format!("The request's body has more than {} bytes.", app.max_message_bytes)
                }
                _ => "The request's body ended too early.".to_owned(),
            };
            return refuse(rejection.status(), ApiError::field("query", error));
        }
    };
    // serde would also accept a list of the fields' values.
    if body.trim_ascii_start().first() == Some(&b'[') {
        let error = "The body is a list: send one request at a time, as a JSON object.";
        return refuse(StatusCode::BAD_REQUEST, ApiError::field("query", error));
    }
    answer(&app, peer, &headers, RawParameters::Body(body)).await
}

/// Handles a query that comes by GET, with its parameters in the URL, or the start of a WebSocket.
pub(super) async fn get_or_upgrade(
    State(app): State<App>,
    peer: Peer,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    headers: HeaderMap,
) -> Response {
    if let Ok(upgrade) = upgrade {
        return websocket::serve(app, peer, &headers, upgrade).await;
    }
    let query = query.unwrap_or_default();
    if query.is_empty() && accepts(&headers, "text/html") {
        return Redirect::to("/playground").into_response();
    }
    answer(&app, peer, &headers, RawParameters::Url(query)).await
}

async fn answer(app: &App, peer: Peer, headers: &HeaderMap, raw: RawParameters) -> Response {
    let started = Instant::now();
    let mut parameters = match raw.parse() {
        Ok(parameters) => parameters,
        Err(problem) => return refuse(StatusCode::BAD_REQUEST, problem),
    };
    let has_text = parameters.query.as_deref().is_some_and(|text| !text.is_empty());
    match parameters.resolve(&app.persisted_queries, app.api.allowed_operations()) {
        Ok(()) => {}
        // Clients expect the status of an executed operation.
        Err(unknown @ ApiError::PersistedQueryNotFound) => return refuse(StatusCode::OK, unknown),
        Err(problem) => return refuse(StatusCode::BAD_REQUEST, problem),
    }
    let query = parameters.query.as_deref().unwrap_or_default();
    let Operation { kind, label } = app.api.operation(query, parameters.operation_name.as_deref());
    if kind == Some(OperationType::Mutation) && matches!(raw, RawParameters::Url(_)) {
        let mut response = refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            ApiError::field("query", "Send a mutation by POST."),
        );
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let count = |answer: &Answer| {
        app.services.metrics.answered(&label, answer.code, started.elapsed());
    };

    let authorization = headers.get(header::AUTHORIZATION).map(|v| v.to_str().unwrap_or_default());
    let viewer = app.services.access_tokens.viewer(authorization);
    if let Some(format) = Format::accepted(headers, kind) {
        return streaming::answer(app, peer, headers, parameters.into_request(), viewer, format);
    }
    let Some(media_type) = answer_media_type(headers) else {
        return refuse(
            StatusCode::NOT_ACCEPTABLE,
            ApiError::field("query", format!("Accept {GRAPHQL_JSON} or {JSON}.")),
        );
    };
    if kind == Some(OperationType::Query) && viewer == Viewer::Anonymous {
        let persisted = parameters.query.filter(|_| !has_text);
        let public = PublicQuery { raw, persisted, media_type };
        return match app.public_queries.find(public).await {
            Ok(answer) => {
                count(&answer);
                answer.into_response()
            }
            Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error.into()),
        };
    }

    let cookies = headers.get(header::COOKIE).and_then(|cookies| cookies.to_str().ok());
    // A page of another origin must not use its visitor's session.
    let cookies = cookies.filter(|_| app.origin_may_call(headers));
    let request = parameters
        .into_request()
        .data(viewer)
        .data(SessionCookie::new(cookies, !is_loopback(headers)))
        .data(app.client_address(peer, headers));
    let (answer, http_headers) = execute(&app.api, request, media_type).await;
    count(&answer);
    let mut response = answer.into_response();
    response.headers_mut().extend(http_headers);
    response
}
