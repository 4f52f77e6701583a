//! GraphQL over HTTP, following <https://graphql.github.io/graphql-over-http/draft/>.
//!
//! async-graphql-axum's request extractor is not used: it accepts `text/plain` bodies, which pages
//! of other sites may send, it runs mutations that come by GET, and it takes batches of any size.

use std::{mem, sync::Arc};

use async_graphql::parser::types::OperationType;
use axum::{
    Extension,
    extract::{
        RawQuery, Request, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use tokio::time::{Instant, timeout};

use super::{
    access_log,
    answer::{Answer, and_close, refuse},
    arrived::Arrived,
    body::{self, BodyError},
    client_address::Peer,
    negotiation::{Accept, Form, GRAPHQL_JSON, JSON, accepts_gzip, is_encoded, is_json},
    parameters::{Parameters, RawParameters},
    public_query::{PublicQuery, execute},
    state::App,
    streaming, trace_parent, websocket,
};
use crate::{
    accounts::Viewer,
    graphql::{ApiError, ClientApi, Operation, SentUserAgent, SessionCookie},
    limits::{Client, ClientAddress, Hold},
};

/// Size from which parameters count as large, in bytes.
const LARGE_BYTES: usize = 8_192;

/// Handles an operation that comes by POST, with its parameters as a JSON object.
pub(super) async fn post(State(app): State<App>, peer: Peer, mut request: Request) -> Response {
    // Taking the headers saves the copy that their extractor makes.
    let headers = mem::take(request.headers_mut());
    let needed = match () {
        () if !is_json(&headers) => Some("Send the request as application/json in UTF-8."),
        () if is_encoded(&headers) => Some("Send the request's body without Content-Encoding."),
        () => None,
    };
    if let Some(needed) = needed {
        let error = ApiError::field("query", needed);
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, error);
    }
    let caller = Caller::of(&app, peer, &headers);
    let reading = body::read(request.into_body(), app.max_message_bytes, &caller.api.held);
    let (body, hold) = match timeout(app.body_timeout, reading).await {
        Ok(Ok(read)) => read,
        Ok(Err(error)) => return and_close(refuse_body(error, app.max_message_bytes)),
        Err(_) => {
            let error = "The request's body did not arrive in time.";
            let response = refuse(StatusCode::REQUEST_TIMEOUT, ApiError::field("query", error));
            return and_close(response);
        }
    };
    // serde would also accept a list of the fields' values.
    if body.trim_ascii_start().first() == Some(&b'[') {
        let error = "The body is a list: send one request at a time, as a JSON object.";
        return refuse(StatusCode::BAD_REQUEST, ApiError::field("query", error));
    }
    answer(&app, &caller, &headers, RawParameters::Body(body), hold).await
}

/// Handles a query that comes by GET, with its parameters in the URL, or the start of a WebSocket.
pub(super) async fn get_or_upgrade(
    State(app): State<App>,
    peer: Peer,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    Extension(arrived): Extension<Arrived>,
    headers: HeaderMap,
) -> Response {
    if let Ok(upgrade) = upgrade {
        return websocket::serve(app, peer, &headers, upgrade, arrived).await;
    }
    let query = query.unwrap_or_default();
    let caller = Caller::of(&app, peer, &headers);
    if query.is_empty() && app.has_ides && caller.accept.prefers_html() {
        return Redirect::to("/playground").into_response();
    }
    match caller.api.held.hold(query.len()) {
        Ok(hold) => answer(&app, &caller, &headers, RawParameters::Url(query), hold).await,
        Err(error) => refuse(StatusCode::TOO_MANY_REQUESTS, error.into()),
    }
}

/// The sender of a request, and the answers that they accept.
struct Caller {
    address: ClientAddress,
    accept: Accept,
    api: ClientApi,
}

impl Caller {
    fn of(app: &App, peer: Peer, headers: &HeaderMap) -> Self {
        let address = app.client_address(peer, headers);
        let client = app.client(address);
        let accept = Accept::of(headers);
        let held = match accept.may_be_stream() {
            true => client.held_by_socket(),
            false => client.held_by_request(),
        };
        Self { address, accept, api: ClientApi::new(&app.api, client, held) }
    }
}

fn refuse_body(error: BodyError, max_bytes: usize) -> Response {
    let (status, message) = match error {
        BodyError::HoldsTooMuch(error) => {
            return refuse(StatusCode::TOO_MANY_REQUESTS, error.into());
        }
        BodyError::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The request's body has more than {max_bytes} bytes."),
        ),
        BodyError::Incomplete => {
            (StatusCode::BAD_REQUEST, "The request's body ended too early.".to_owned())
        }
    };
    refuse(status, ApiError::field("query", message))
}

/// Parses parameters, and finds the text of a persisted query. Large ones wait for their turn,
/// because they may take a millisecond.
async fn parse(app: &App, raw: &RawParameters, client: &Client) -> Result<Parameters, Response> {
    let parse = || {
        let mut parameters = raw.parse()?;
        parameters.resolve(&app.persisted_queries, app.api.allowed_operations())?;
        Ok(parameters)
    };
    let parsed = if raw.len() < LARGE_BYTES {
        parse()
    } else {
        match client.work.turn().await {
            Ok(mut turn) => turn.run(parse),
            Err(error) => return Err(refuse(StatusCode::TOO_MANY_REQUESTS, error.into())),
        }
    };
    parsed.map_err(|problem| match problem {
        // Clients expect the status of an executed operation.
        ApiError::PersistedQueryNotFound => refuse(StatusCode::OK, problem),
        problem => refuse(StatusCode::BAD_REQUEST, problem),
    })
}

async fn answer(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    raw: RawParameters,
    hold: Hold,
) -> Response {
    let Caller { address, accept, api } = caller;
    let started = Instant::now();
    let parameters = match parse(app, &raw, &api.client).await {
        Ok(parameters) => parameters,
        Err(refused) => return refused,
    };
    let respond = |operation: &Operation, answer: Answer| {
        let answer = if accepts_gzip(headers) { answer.compressed() } else { answer };
        let answer = answer.held_by(&api.held);
        app.services.metrics.answered(&operation.label, answer.code, started.elapsed());
        access_log::answered(answer.into_response(), &operation.label)
    };
    let (request, variables) = parameters.into_request();
    let admitted = match api.admit(request, variables).await {
        Ok(admitted) => admitted,
        Err(error) => {
            let answer = match accept.form(None) {
                Some(Form::Stream(_)) => Answer::refused(error, JSON).with_bad_request(),
                Some(Form::Single(media_type)) => Answer::refused(error, media_type),
                None => Answer::refused(error, GRAPHQL_JSON),
            };
            return respond(&Operation::invalid(), answer);
        }
    };
    let operation = admitted.operation.clone();
    if operation.kind == Some(OperationType::Mutation) && matches!(raw, RawParameters::Url(_)) {
        let mut response = refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            ApiError::field("query", "Send a mutation by POST."),
        );
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let authorization = headers.get(header::AUTHORIZATION).map(|v| v.to_str().unwrap_or_default());
    let viewer = app.services.access_tokens.viewer(authorization);
    let media_type = match accept.form(operation.kind) {
        Some(Form::Single(media_type)) => media_type,
        Some(Form::Stream(format)) => {
            // Boxed, because most answers are no streams, and each request would be as large.
            let streaming = streaming::answer(app, api, *address, admitted, viewer, format);
            return Box::pin(streaming).await;
        }
        None => {
            let error = match operation.kind {
                Some(OperationType::Subscription) => {
                    "Accept text/event-stream or multipart/mixed for a subscription, or open a \
                     WebSocket."
                        .to_owned()
                }
                _ => format!("Accept {GRAPHQL_JSON} or {JSON}."),
            };
            return refuse(StatusCode::NOT_ACCEPTABLE, ApiError::field("query", error));
        }
    };
    let is_public = operation.kind == Some(OperationType::Query) && viewer == Viewer::Anonymous;
    // Sharing parses the parameters again, which pays for small ones. A trace must show the work
    // itself.
    if is_public && raw.len() < LARGE_BYTES && !trace_parent::is_recorded() {
        let document = Arc::clone(&admitted.document);
        let label = Arc::clone(&operation.label);
        let public = PublicQuery { raw, media_type, document: Arc::clone(&document), label };
        let found = app.public_queries.find(public).await;
        drop((admitted, hold));
        return match found {
            Ok(answer) => {
                api.count_shared_answer(&document, answer.len());
                respond(&operation, answer)
            }
            Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error.into()),
        };
    }

    // A page of another origin must not use its visitor's session.
    let may_use_cookies = app.origin_may_call(headers);
    let cookies = headers.get_all(header::COOKIE).iter().filter(|_| may_use_cookies);
    let cookies = cookies.map(|line| line.as_bytes());
    let admitted = admitted
        .data(viewer)
        .data(SessionCookie::new(cookies, app.cookie_scope(headers)))
        .data(SentUserAgent(headers.get(header::USER_AGENT).cloned()))
        .data(*address);
    let (answer, http_headers) = execute(api, admitted, media_type).await;
    let mut response = respond(&operation, answer);
    response.headers_mut().extend(http_headers);
    response
}
