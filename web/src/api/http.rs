//! GraphQL operations over HTTP POST, and the ways in which they fail.

use std::pin::Pin;

use cynic::Operation;
use gloo_net::http::Request;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File};

/// How long to wait for the answer to a mutation, in milliseconds. Passwords may wait in a queue.
pub(crate) const MUTATION_TIMEOUT_MILLIS: u32 = 45_000;
/// How long to wait for the answer to a query, in milliseconds. The server gives up on reads after
/// ten seconds, and people want to know earlier that it does not answer.
pub(crate) const QUERY_TIMEOUT_MILLIS: u32 = 8_000;
/// The same for a mutation that is repeated if its answer does not arrive. The server does not let
/// a booking wait for longer than ten seconds before it begins.
pub(crate) const REPEATABLE_TIMEOUT_MILLIS: u32 = 12_000;

/// A future whose code is compiled once, instead of once in each place that waits for it.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// Why an operation gave no data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The network or the server failed. The operation may have been executed all the same.
    NoAnswer,
    /// The session ended before the operation was executed.
    SessionEnded,
    /// The server answered with an error.
    Api(ApiError),
}

/// The first error of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: ErrorCode,
    /// For the user.
    pub(crate) message: String,
    pub(crate) fields: Vec<FieldProblem>,
    /// The earliest time for another attempt, in seconds from now.
    pub(crate) retry_after: Option<u32>,
}

/// The error codes that the client acts on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ErrorCode {
    Unauthenticated,
    InvalidCredentials,
    EmailTaken,
    EmailNotVerified,
    InvalidToken,
    BadUserInput,
    Forbidden,
    NotFound,
    RateLimited,
    Unavailable,
    /// Also an error without a code: it comes from something in between, because the server's own
    /// have one.
    #[default]
    Internal,
    #[serde(other)]
    Other,
}

/// The server's message about one field of the input.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct FieldProblem {
    pub(crate) field: String,
    pub(crate) message: String,
}

impl Failure {
    /// The message to the user where the caller has none that fits better.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::NoAnswer => "We can't reach Rowlock. Please check your connection.".to_owned(),
            Self::SessionEnded => "Your session has ended. Please sign in again.".to_owned(),
            Self::Api(error) => error.message.clone(),
        }
    }

    /// Whether the operation may have been carried out all the same.
    pub(crate) fn is_inconclusive(&self) -> bool {
        match self {
            Self::NoAnswer => true,
            Self::SessionEnded => false,
            Self::Api(error) => matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal),
        }
    }

    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Api(error) => Some(error.code),
            Self::NoAnswer | Self::SessionEnded => None,
        }
    }
}

/// An operation in JSON. Its type is dropped here and comes back in [`ResponseData::parse`], so the
/// code in between is compiled once instead of once for each operation.
#[derive(Clone, Debug)]
pub(crate) struct RequestBody {
    text: String,
    timeout_millis: u32,
}

impl RequestBody {
    pub(crate) fn new<Q, V: Serialize>(operation: &Operation<Q, V>) -> Self {
        let timeout_millis = match operation.query.starts_with("mutation") {
            true => MUTATION_TIMEOUT_MILLIS,
            false => QUERY_TIMEOUT_MILLIS,
        };
        // Strings, numbers and objects can always be serialized.
        Self { text: serde_json::to_string(operation).unwrap_or_default(), timeout_millis }
    }

    pub(crate) fn with_timeout(self, timeout_millis: u32) -> Self {
        Self { timeout_millis, ..self }
    }
}

/// An answer's data in JSON.
#[derive(Debug)]
pub(crate) struct ResponseData(String);

impl ResponseData {
    pub(crate) fn parse<Q: DeserializeOwned>(&self) -> Result<Q, Failure> {
        serde_json::from_str(&self.0).map_err(|_| Failure::NoAnswer)
    }
}

/// Sends an operation without an access token and parses its answer.
///
/// # Errors
/// Any [`Failure`] but `SessionEnded`, which only the session decides.
pub(crate) async fn send<Q, V>(operation: &Operation<Q, V>) -> Result<Q, Failure>
where
    Q: DeserializeOwned,
    V: Serialize,
{
    post(RequestBody::new(operation), None).await?.parse()
}

/// Sends an operation as the access token's user.
///
/// # Errors
/// The same as [`send`].
pub(crate) fn post(
    body: RequestBody,
    access_token: Option<String>,
) -> Boxed<Result<ResponseData, Failure>> {
    Box::pin(async move {
        let mut request = Request::post("/graphql")
            .header("accept", "application/graphql-response+json")
            .header("content-type", "application/json")
            .abort_signal(Some(&web_sys::AbortSignal::timeout_with_u32(body.timeout_millis)));
        if let Some(token) = access_token {
            request = request.header("authorization", &format!("Bearer {token}"));
        }
        let request = request.body(body.text).map_err(|_| Failure::NoAnswer)?;
        let answer = request.send().await.map_err(|_| Failure::NoAnswer)?;
        parse_response(&answer.text().await.map_err(|_| Failure::NoAnswer)?)
    })
}

/// Sends a picture, or without one the order to take the picture away, as the access token's user.
///
/// # Errors
/// The same as [`send`].
pub(crate) async fn send_cover(
    path: &str,
    picture: Option<&File>,
    access_token: Option<&str>,
) -> Result<(), Failure> {
    let token = format!("Bearer {}", access_token.unwrap_or_default());
    let request = match picture {
        Some(picture) => {
            let request = Request::put(path).header("authorization", &token);
            request.body(picture).map_err(|_| Failure::NoAnswer)?
        }
        None => {
            let request = Request::delete(path).header("authorization", &token);
            request.build().map_err(|_| Failure::NoAnswer)?
        }
    };
    let answer = request.send().await.map_err(|_| Failure::NoAnswer)?;
    parse_response(&answer.text().await.map_err(|_| Failure::NoAnswer)?).map(drop)
}

/// Fetches a file as the access token's user. There is no time limit, because a file may be large.
///
/// # Errors
/// The same as [`send`].
pub(crate) async fn download(path: &str, access_token: Option<&str>) -> Result<Blob, Failure> {
    let mut request = Request::get(path);
    if let Some(token) = access_token {
        request = request.header("authorization", &format!("Bearer {token}"));
    }
    let answer = request.send().await.map_err(|_| Failure::NoAnswer)?;
    if !answer.ok() {
        let text = answer.text().await.map_err(|_| Failure::NoAnswer)?;
        return Err(refused_download(answer.status(), &text));
    }
    let blob = web_sys::Response::from(answer).blob().map_err(|_| Failure::NoAnswer)?;
    let blob = JsFuture::from(blob).await.map_err(|_| Failure::NoAnswer)?;
    Ok(blob.unchecked_into())
}

/// Why a file did not come, by the answer's status and text.
fn refused_download(status: u16, text: &str) -> Failure {
    match (parse_response(text), status) {
        (Err(Failure::Api(error)), _) => Failure::Api(error),
        (_, 401) => Failure::Api(ApiError {
            code: ErrorCode::Unauthenticated,
            message: String::new(),
            fields: Vec::new(),
            retry_after: None,
        }),
        _ => Failure::NoAnswer,
    }
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    errors: Vec<ResponseError>,
}

#[derive(Deserialize)]
struct ResponseError {
    message: String,
    extensions: Option<Extensions>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extensions {
    code: ErrorCode,
    #[serde(default)]
    fields: Vec<FieldProblem>,
    retry_after: Option<u32>,
}

/// The data of an answer without errors. An answer with data and errors is a failure, so a field
/// that failed is never mistaken for one that is null.
pub(super) fn parse_response(answer: &str) -> Result<ResponseData, Failure> {
    let answer: Response<'_> = serde_json::from_str(answer).map_err(|_| Failure::NoAnswer)?;
    let mut errors = answer.errors.into_iter();
    if let Some(ResponseError { message, extensions }) = errors.next() {
        let Extensions { code, mut fields, retry_after } = extensions.unwrap_or_default();
        // Each wrong value of a variable has an error of its own.
        let others = errors.filter_map(|other| other.extensions);
        fields.extend(others.filter(|other| other.code == code).flat_map(|other| other.fields));
        return Err(Failure::Api(ApiError { code, message, fields, retry_after }));
    }
    answer.data.map(|data| ResponseData(data.get().to_owned())).ok_or(Failure::NoAnswer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn api_error(answer: &Value) -> ApiError {
        match parse_response(&answer.to_string()) {
            Err(Failure::Api(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_error_keeps_its_code_its_message_and_its_fields() {
        let problem = json!({ "field": "email", "message": "Wrong." });
        let found = api_error(&json!({ "data": null, "errors": [{
            "message": "Wrong.", "path": ["register"], "locations": [{ "line": 1, "column": 2 }],
            "extensions": { "code": "BAD_USER_INPUT", "fields": [problem] },
        }] }));
        assert_eq!(found.code, ErrorCode::BadUserInput);
        assert_eq!(found.message, "Wrong.");
        assert_eq!(found.fields[0].field, "email");
    }

    #[test]
    fn the_fields_of_all_errors_with_one_code_are_kept() {
        let error = |code: &str, field: &str| {
            let fields = [json!({ "field": field, "message": "Wrong." })];
            json!({ "message": "Wrong.", "extensions": { "code": code, "fields": fields } })
        };
        let errors = ["title", "price.amount"].map(|field| error("BAD_USER_INPUT", field)).to_vec();
        let errors = [errors, vec![error("NOT_FOUND", "eventId")]].concat();
        let found = api_error(&json!({ "errors": errors }));
        let fields: Vec<_> = found.fields.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["title", "price.amount"]);
    }

    #[test]
    fn an_error_says_when_to_try_again() {
        let extensions = json!({ "code": "UNAVAILABLE", "retryAfter": 2 });
        let found = api_error(&json!({ "errors": [{ "message": "", "extensions": extensions }] }));
        assert_eq!(found.code, ErrorCode::Unavailable);
        assert_eq!(found.retry_after, Some(2));
        assert!(Failure::Api(found).is_inconclusive());
    }

    #[test]
    fn data_with_errors_is_a_failure() {
        let found = api_error(&json!({
            "data": { "me": null },
            "errors": [{ "message": "Expired.", "extensions": { "code": "UNAUTHENTICATED" } }],
        }));
        assert_eq!(found.code, ErrorCode::Unauthenticated);
    }

    #[test]
    fn an_error_with_an_unknown_code_keeps_its_message() {
        let error = json!({ "message": "Something new.", "extensions": { "code": "NEW_ONE" } });
        let found = api_error(&json!({ "errors": [error] }));
        assert_eq!(found.code, ErrorCode::Other);
        assert_eq!(found.message, "Something new.");
    }

    #[test]
    fn an_error_without_a_code_says_nothing_about_the_operation() {
        let found = api_error(&json!({ "errors": [{ "message": "upstream timed out" }] }));
        assert_eq!(found.message, "upstream timed out");
        assert!(Failure::Api(found).is_inconclusive());
    }

    #[test]
    fn any_other_text_counts_as_no_answer() {
        for text in ["", "<!doctype html>Bad gateway", "{}"] {
            assert_eq!(parse_response(text).unwrap_err(), Failure::NoAnswer, "{text}");
        }
    }
}
