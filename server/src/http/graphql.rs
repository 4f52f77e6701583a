//! GraphQL over HTTP, as <https://graphql.github.io/graphql-over-http/draft/> has it.
//!
//! async-graphql's stock extractor takes `text/plain` bodies, which other sites' pages may send, runs
//! mutations that come by GET, and takes batches of any size; this handler does none of that.

use std::mem;

use async_graphql::{Executor, Request, Variables, parser::types::OperationType};
use axum::{
    body::{Body, Bytes},
    extract::{
        FromRequest, RawQuery, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use super::{
    App, Peer, is_loopback, origin_may_call,
    persisted::{PersistedQueries, PersistedQuery},
    streaming::{self, Format},
    websocket,
};
use crate::{
    accounts::access_tokens::Viewer,
    coalescing::shared_reads::Read,
    graphql::{
        errors::{ApiError, code},
        execution::{AllowedOperations, Api, Operation, RequestId, code_of_first},
        sessions::SessionCookie,
    },
};

pub(super) const JSON: &str = "application/json";
const GRAPHQL_JSON: &str = "application/graphql-response+json";

/// A query by POST, its parameters a JSON object.
pub(super) async fn post(
    State(app): State<App>,
    peer: Peer,
    mut request: axum::extract::Request,
) -> Response {
    // The extractor of headers would copy them.
    let headers = mem::take(request.headers_mut());
    if !is_json(&headers) {
        return refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiError::field("query", "Send the request as application/json in UTF-8."),
        );
    }
    let body = match timeout(app.body_within, Bytes::from_request(request, &())).await {
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
                _ => "The request's body broke off.".to_owned(),
            };
            return refuse(rejection.status(), ApiError::field("query", error));
        }
    };
    // serde would also take a list of the fields' values.
    if body.trim_ascii_start().first() == Some(&b'[') {
        let error = "The body is a list: send one request at a time, as a JSON object.";
        return refuse(StatusCode::BAD_REQUEST, ApiError::field("query", error));
    }
    answer(&app, peer, &headers, Sent::Body(body)).await
}

/// A query by GET, its parameters in the URL; or the start of a WebSocket.
pub(super) async fn get_or_upgrade(
    State(app): State<App>,
    peer: Peer,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    headers: HeaderMap,
) -> Response {
    if let Ok(upgrade) = upgrade {
        return websocket::serve(app, peer, &headers, upgrade);
    }
    let query = query.unwrap_or_default();
    if query.is_empty() && accepts(&headers, "text/html") {
        return Redirect::to("/playground").into_response();
    }
    answer(&app, peer, &headers, Sent::Url(query)).await
}

/// A request's parameters as they came.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Sent {
    /// JSON.
    Body(Bytes),
    /// The URL's query.
    Url(String),
}

impl Sent {
    fn parse(&self) -> Result<Parameters, ApiError> {
        match self {
            Self::Url(query) => Parameters::from_url(query),
            Self::Body(body) => serde_json::from_slice(body).map_err(|error| {
                ApiError::field(
                    "query",
                    format!("The body is not a JSON object with a query: {error}."),
                )
            }),
        }
    }
}

/// What a request says, whichever way it says it.
#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    query: Option<String>,
    #[serde(default, rename = "operationName")]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Variables>,
    #[serde(default)]
    extensions: Option<Extensions>,
}

/// Others than these are not known here.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Extensions {
    persisted_query: Option<PersistedQuery>,
}

impl Parameters {
    fn from_url(query: &str) -> Result<Self, ApiError> {
        let mut found =
            Self { query: None, operation_name: None, variables: None, extensions: None };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "query" => found.query = Some(value.into_owned()),
                "operationName" => {
                    found.operation_name = Some(value.into_owned()).filter(|n| !n.is_empty());
                }
                "variables" => found.variables = object("variables", &value)?,
                "extensions" => found.extensions = object("extensions", &value)?,
                _ => {}
            }
        }
        Ok(found)
    }

    /// Puts the query's text in its place where only its hash was sent.
    fn resolve(
        &mut self,
        persisted: &PersistedQueries,
        allowed: &AllowedOperations,
    ) -> Result<(), ApiError> {
        let hash = self.extensions.take().unwrap_or_default().persisted_query;
        self.query = Some(persisted.resolve(self.query.take(), hash, allowed)?);
        Ok(())
    }

    fn into_request(self) -> Request {
        let mut request = Request::new(self.query.unwrap_or_default());
        if let Some(name) = self.operation_name {
            request = request.operation_name(name);
        }
        if let Some(variables) = self.variables {
            request = request.variables(variables);
        }
        request
    }
}

/// A parameter that is a JSON object.
fn object<T: DeserializeOwned>(name: &'static str, text: &str) -> Result<Option<T>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(text)
        .map_err(|error| ApiError::field(name, format!("{name} is not a JSON object: {error}.")))
}

async fn answer(app: &App, peer: Peer, headers: &HeaderMap, sent: Sent) -> Response {
    let begun = Instant::now();
    let mut parameters = match sent.parse() {
        Ok(parameters) => parameters,
        Err(problem) => return refuse(StatusCode::BAD_REQUEST, problem),
    };
    let is_whole = parameters.query.as_deref().is_some_and(|text| !text.is_empty());
    match parameters.resolve(&app.persisted_queries, app.api.allowed_operations()) {
        Ok(()) => {}
        // Clients expect it like an answer that was executed.
        Err(unknown @ ApiError::PersistedQueryNotFound) => return refuse(StatusCode::OK, unknown),
        Err(problem) => return refuse(StatusCode::BAD_REQUEST, problem),
    }
    let query = parameters.query.as_deref().unwrap_or_default();
    let Operation { kind, label } = app.api.operation(query, parameters.operation_name.as_deref());
    if kind == Some(OperationType::Mutation) && matches!(sent, Sent::Url(_)) {
        let mut response = refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            ApiError::field("query", "A mutation must be sent by POST."),
        );
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let answered =
        |answer: &Answer| app.services.metrics.answered(&label, answer.code, begun.elapsed());

    let authorization = headers.get(header::AUTHORIZATION).map(|v| v.to_str().unwrap_or_default());
    let viewer = app.services.access_tokens.viewer(authorization);
    if let Some(format) = Format::wanted(headers, kind) {
        return streaming::answer(app, peer, headers, (parameters.into_request(), viewer), format);
    }
    let Some(media_type) = negotiate(headers) else {
        return refuse(
            StatusCode::NOT_ACCEPTABLE,
            ApiError::field("query", format!("This API answers as {GRAPHQL_JSON} or {JSON}.")),
        );
    };
    if kind == Some(OperationType::Query) && viewer == Viewer::Anonymous {
        let persisted = parameters.query.filter(|_| !is_whole);
        let public = PublicQuery { sent, persisted, media_type };
        return match app.public_queries.find(public).await {
            Ok(answer) => {
                answered(&answer);
                answer.into_response()
            }
            Err(broken) => {
                refuse(StatusCode::INTERNAL_SERVER_ERROR, ApiError::Internal(broken.to_string()))
            }
        };
    }

    let cookies = headers.get(header::COOKIE).and_then(|cookies| cookies.to_str().ok());
    // A page of another origin gets no use of its visitor's session.
    let cookies = cookies.filter(|_| origin_may_call(headers, &app.allowed_origins));
    let request = parameters
        .into_request()
        .data(viewer)
        .data(SessionCookie {
            refresh_token: cookies.and_then(SessionCookie::find_refresh_token),
            secure: !is_loopback(headers),
        })
        .data(app.client_address(peer, headers));
    let (answer, http_headers) = execute(&app.api, request, media_type).await;
    answered(&answer);
    let mut response = answer.into_response();
    response.headers_mut().extend(http_headers);
    response
}

/// A query of nobody in particular, which has the same answer for all who send it at the same time. It
/// sees no viewer, no cookie and no address.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct PublicQuery {
    sent: Sent,
    /// The query's text where only its hash was sent.
    persisted: Option<String>,
    media_type: &'static str,
}

impl Read for PublicQuery {
    type Source = Api;
    type Found = Answer;

    async fn run(&self, api: &Api) -> Answer {
        match self.sent.parse() {
            Ok(mut parameters) => {
                if let Some(text) = &self.persisted {
                    parameters.query = Some(text.clone());
                }
                let request = parameters.into_request().data(Viewer::Anonymous);
                execute(api, request, self.media_type).await.0
            }
            // Whoever sent it has parsed it before.
            Err(problem) => Answer::error(StatusCode::BAD_REQUEST, problem),
        }
    }
}

/// Executes a request, with the headers that it sets.
async fn execute(api: &Api, request: Request, media_type: &'static str) -> (Answer, HeaderMap) {
    let id = RequestId::new();
    let Operation { label, .. } = api.operation(&request.query, request.operation_name.as_deref());
    let span = tracing::error_span!("request", id = %id.0, operation = &*label);
    let response = api.execute(request.data(id.clone())).instrument(span).await;
    let mut answer = encode(&response, media_type);
    answer.id = HeaderValue::from_str(&id.0).ok();
    (answer, response.http_headers)
}

/// An answer that can go to many.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    media_type: &'static str,
    body: Bytes,
    id: Option<HeaderValue>,
    /// Of the first error.
    code: Option<&'static str>,
}

impl Answer {
    /// What is not executed at all, or whose execution broke.
    fn error(status: StatusCode, error: ApiError) -> Self {
        let id = RequestId::new();
        let internal = matches!(error, ApiError::Internal(_));
        let span = tracing::error_span!("request", id = %id.0);
        // Within its span, since a cause is logged with the id that its caller is told.
        let mut error = span.in_scope(|| async_graphql::Error::from(error));
        if internal {
            error.extensions.get_or_insert_default().set("requestId", id.0.as_str());
        }
        let error = json!({ "message": error.message, "extensions": error.extensions });
        let code = error["extensions"]["code"].as_str().and_then(code::known);
        let body = json!({ "errors": [error] }).to_string().into();
        Self { status, media_type: JSON, body, id: None, code }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let content_type = match self.media_type {
            GRAPHQL_JSON => "application/graphql-response+json; charset=utf-8",
            _ => "application/json; charset=utf-8",
        };
        let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-store")];
        let mut response = (self.status, headers, self.body).into_response();
        if let Some(id) = self.id {
            response.headers_mut().insert("x-request-id", id);
        }
        response
    }
}

/// Whether a request was refused before anything of it was executed: its errors have no place in the answer.
pub(super) fn never_ran(response: &async_graphql::Response) -> bool {
    !response.errors.is_empty()
        && response.data == async_graphql::Value::Null
        && response.errors.iter().all(|error| error.path.is_empty())
}

pub(super) fn encode(response: &async_graphql::Response, media_type: &'static str) -> Answer {
    let (status, body) = if never_ran(response) {
        let status =
            if media_type == GRAPHQL_JSON { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        (status, serde_json::to_vec(&json!({ "errors": response.errors })))
    } else {
        (StatusCode::OK, serde_json::to_vec(response))
    };
    match body {
        Ok(body) => {
            let code = code_of_first(response);
            Answer { status, media_type, body: body.into(), id: None, code }
        }
        Err(error) => {
            let cause = ApiError::Internal(error.to_string());
            Answer::error(StatusCode::INTERNAL_SERVER_ERROR, cause)
        }
    }
}

/// An answer to a request that is not executed at all.
pub(super) fn refuse(status: StatusCode, error: ApiError) -> Response<Body> {
    Answer::error(status, error).into_response()
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Some(content_type) = content_type else { return false };
    let mut parts = content_type.split(';').map(str::trim);
    parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case(JSON))
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// The media type to answer in; `None` when the client takes neither.
fn negotiate(headers: &HeaderMap) -> Option<&'static str> {
    if !headers.contains_key(header::ACCEPT) {
        return Some(GRAPHQL_JSON);
    }
    if accepts(headers, GRAPHQL_JSON) {
        Some(GRAPHQL_JSON)
    } else if accepts(headers, JSON) || accepts(headers, "application/*") || accepts(headers, "*/*")
    {
        Some(JSON)
    } else {
        None
    }
}

pub(super) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let mut parts = range.split(';').map(str::trim);
            parts.next().is_some_and(|range| range.eq_ignore_ascii_case(media_type))
                && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0"))
        })
}
