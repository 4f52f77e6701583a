//! Sends random operations, cursors, tokens and socket messages. The server answers each one with
//! data or with an error whose code blames the client, and no connection breaks.

mod operations;

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any},
    prop_oneof,
    sample::Index,
    test_runner::{TestCaseError, TestCaseResult},
};
use reqwest::header;
use serde_json::{Value, json};
use tokio::time::{Duration, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    app::App,
    on_both_engines,
    random_cases::run_cases,
    socket::{LEGACY_PROTOCOL, MODERN_PROTOCOL, Socket},
};
use operations::{Fixtures, Operation, Operations};

on_both_engines! {
    generated_operations_get_data_or_client_errors
    damaged_cursors_get_data_or_client_errors
    damaged_tokens_and_cookies_get_client_errors
    arbitrary_socket_messages_get_answers_or_a_close_code
}

const OPERATIONS: u32 = 2_000;
const TOKENS_AND_CURSORS: u32 = 300;
const SOCKETS: u32 = 200;

/// Codes of errors that the client caused.
const CLIENT_ERROR_CODES: [&str; 9] = [
    "BAD_USER_INPUT",
    "EMAIL_TAKEN",
    "FORBIDDEN",
    "INVALID_CREDENTIALS",
    "INVALID_TOKEN",
    "NOT_FOUND",
    "QUERY_TOO_COMPLEX",
    "RATE_LIMITED",
    "UNAUTHENTICATED",
];

fn fail<T>(reason: impl Into<String>) -> Result<T, TestCaseError> {
    Err(TestCaseError::fail(reason.into()))
}

/// Checks that an answer has data, or only errors that the client caused.
fn check_answer(answer: &Value) -> TestCaseResult {
    let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    if errors.is_empty() && answer.get("data").is_none() {
        return fail(format!("neither data nor errors: {answer}"));
    }
    for error in errors {
        match error["extensions"]["code"].as_str() {
            Some(code) if CLIENT_ERROR_CODES.contains(&code) => {}
            code => return fail(format!("{code:?}: {answer}")),
        }
    }
    Ok(())
}

/// Sends a request whose answer must be JSON.
async fn send(request: reqwest::RequestBuilder) -> Result<Value, TestCaseError> {
    let answer = request.send().await.map_err(|error| TestCaseError::fail(error.to_string()))?;
    let status = answer.status();
    if status.is_server_error() {
        return fail(format!("{status}"));
    }
    answer.json().await.map_err(|error| TestCaseError::fail(error.to_string()))
}

async fn fixtures(app: &App) -> Fixtures {
    let (user, event) = (app.user().await, app.event("Concert", 1_000).await);
    let booked = app.book(&user, &event, 1).await;
    let page = "{ events(first: 1) { pageInfo { endCursor } } }";
    let page = app.data(None, page, json!({})).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Fixtures {
        ids: vec![event, text(&booked["booking"]["id"])],
        cursor: text(&page["events"]["pageInfo"]["endCursor"]),
        user,
    }
}

async fn generated_operations_get_data_or_client_errors(app: App) {
    let fixtures = fixtures(&app).await;
    let (user, operations) = (fixtures.user.clone(), Operations::new(fixtures));
    let app = Arc::new(app);
    let shared_app = Arc::clone(&app);
    run_cases(OPERATIONS, (decisions(), any::<bool>()), async move |(decisions, signed_in)| {
        let Operation { query, variables } = operations.make(&decisions);
        let token = signed_in.then_some(&*user);
        let answer = send(shared_app.request(token, &query, variables.clone().into())).await?;
        let variables = Value::from(variables);
        check_answer(&answer)
            .map_err(|error| TestCaseError::fail(format!("{query} {variables}: {error}")))
    })
    .await;
    app.assert_nothing_oversold().await;
}

async fn damaged_cursors_get_data_or_client_errors(app: App) {
    let Fixtures { user, cursor, .. } = fixtures(&app).await;
    let query = "query($at: String) {
        a: events(after: $at) { nodes { id } } b: events(last: 2, before: $at) { nodes { id } }
        c: events(after: $at, orderBy: { field: PRICE }) { nodes { id } }
        me { bookings(after: $at) { nodes { id } } } }";
    run_cases(TOKENS_AND_CURSORS, damaged(cursor), async move |at| {
        check_answer(&send(app.request(Some(&user), query, json!({ "at": at }))).await?)
    })
    .await;
}

async fn damaged_tokens_and_cookies_get_client_errors(app: App) {
    let Fixtures { user, .. } = fixtures(&app).await;
    run_cases(
        TOKENS_AND_CURSORS,
        (damaged(user.clone()), any::<bool>()),
        async move |(token, as_cookie)| {
            let (name, value, query) = match as_cookie {
                true => (
                    header::COOKIE,
                    format!("rowlock_refresh={token}"),
                    "mutation { refresh { user { id } } }",
                ),
                false => (header::AUTHORIZATION, format!("Bearer {token}"), "{ me { id } }"),
            };
            // Skip values that no header can carry.
            let Ok(value) = header::HeaderValue::from_str(&value) else { return Ok(()) };
            let answer = send(app.request(None, query, json!({})).header(name, value)).await?;
            check_answer(&answer)?;
            match answer["errors"].is_array() || token.trim() == user {
                true => Ok(()),
                false => fail(format!("{token:?} was accepted: {answer}")),
            }
        },
    )
    .await;
}

async fn arbitrary_socket_messages_get_answers_or_a_close_code(app: App) {
    let fixtures = fixtures(&app).await;
    let operations = Operations::new(fixtures);
    run_cases(
        SOCKETS,
        (any::<bool>(), vec(client_message(), 1..8)),
        async move |(is_legacy, messages)| {
            let protocol = if is_legacy { LEGACY_PROTOCOL } else { MODERN_PROTOCOL };
            let mut socket = Socket::connect_without_init(&app.url, protocol).await.unwrap();
            let stream = socket.stream();
            for message in messages {
                // The server may have closed the socket already.
                let _ = stream.send(message.into_frame(&operations)).await;
            }
            let _ = stream.send(Message::Ping("still there?".into())).await;
            let answered = timeout(Duration::from_secs(10), async {
                while let Some(message) = stream.next().await {
                    match message {
                        Ok(Message::Pong(_)) => return Ok(()),
                        Ok(Message::Close(Some(frame))) => {
                            return match u16::from(frame.code) {
                                1000 | 1002 | 1003 | 1007 | 1009 | 4400..=4499 => Ok(()),
                                code => fail(format!("closed with {code}: {}", frame.reason)),
                            };
                        }
                        Ok(Message::Text(text)) => {
                            let message: Value = serde_json::from_str(&text).unwrap();
                            if ["next", "data"].iter().any(|kind| message["type"] == *kind) {
                                check_answer(&message["payload"])?;
                            }
                        }
                        Ok(_) => {}
                        Err(error) => return fail(format!("the connection broke: {error}")),
                    }
                }
                fail("the connection ended without a close frame")
            });
            answered.await.unwrap_or_else(|_| fail("the server sent nothing more"))
        },
    )
    .await;
}

/// A message from the client on a socket.
#[derive(Clone, Debug)]
enum ClientMessage {
    Init,
    /// Starts an operation under one of a few ids.
    Operation {
        id: u8,
        decisions: Vec<u8>,
    },
    End {
        id: u8,
    },
    Ping,
    /// JSON that is not a valid message.
    Json(Index),
    Text(String),
    Bytes(Vec<u8>),
}

fn client_message() -> impl Strategy<Value = ClientMessage> {
    prop_oneof![
        6 => Just(ClientMessage::Init),
        6 => (0..3_u8, decisions())
            .prop_map(|(id, decisions)| ClientMessage::Operation { id, decisions }),
        3 => (0..3_u8).prop_map(|id| ClientMessage::End { id }),
        1 => Just(ClientMessage::Ping),
        1 => any::<Index>().prop_map(ClientMessage::Json),
        1 => any::<String>().prop_map(ClientMessage::Text),
        1 => vec(any::<u8>(), 0..40).prop_map(ClientMessage::Bytes),
    ]
}

impl ClientMessage {
    fn into_frame(self, operations: &Operations) -> Message {
        let message = match self {
            Self::Init => json!({ "type": "connection_init" }),
            Self::Operation { id, decisions } => {
                let Operation { query, variables } = operations.make(&decisions);
                let payload = json!({ "query": query, "variables": variables });
                // Each subprotocol has one of these words and does not know the other.
                let kind = if id == 2 { "start" } else { "subscribe" };
                json!({ "type": kind, "id": id.to_string(), "payload": payload })
            }
            Self::End { id } => json!({ "type": "complete", "id": id.to_string() }),
            Self::Ping => json!({ "type": "ping", "payload": { "x": [null] } }),
            Self::Json(which) => which
                .get(&[
                    json!(null),
                    json!([]),
                    json!({ "type": "subscribe" }),
                    json!({ "type": "subscribe", "id": 7, "payload": {} }),
                    json!({ "type": "subscribe", "id": "a", "payload": { "query": 1 } }),
                    json!({ "type": "connection_init", "payload": { "authorization": [1] } }),
                    json!({ "type": "connection_terminate" }),
                    json!({ "type": "connection_ack" }),
                ])
                .clone(),
            Self::Text(text) => return Message::text(text),
            Self::Bytes(bytes) => return Message::binary(bytes),
        };
        Message::text(message.to_string())
    }
}

fn decisions() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..200)
}

/// Arbitrary texts, and texts that are almost or exactly `valid`.
fn damaged(valid: String) -> impl Strategy<Value = String> {
    let (cut, changed) = (valid.clone(), valid.clone());
    prop_oneof![
        2 => any::<String>(),
        2 => "[A-Za-z0-9_.-]{0,60}",
        1 => any::<Index>().prop_map(move |at| cut[..at.index(cut.len())].to_owned()),
        4 => (any::<Index>(), any::<char>()).prop_map(move |(at, other)| {
            let mut damaged: Vec<char> = changed.chars().collect();
            let at = at.index(damaged.len());
            damaged[at] = other;
            damaged.into_iter().collect()
        }),
        1 => Just(valid),
    ]
}
