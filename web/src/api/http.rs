//! Operations over HTTP POST, and the ways they fail.

use cynic::Operation;
use gloo_net::http::Request;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

/// Longest wait for an answer, in milliseconds. The server gives up on a booking before.
pub(crate) const REQUEST_TIMEOUT_MILLIS: u32 = 45_000;

/// Why an operation gave no data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The network or the server is away, or broke off: whether the operation was carried out is
    /// not known.
    NoAnswer,
    /// The session ended before the operation, which was not carried out.
    SessionEnded,
    Api(ApiError),
}

/// An error as the server describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: ErrorCode,
    /// For the person.
    pub(crate) message: String,
    pub(crate) fields: Vec<FieldProblem>,
}

/// The server's error codes, as far as the client acts on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ErrorCode {
    Unauthenticated,
    InvalidCredentials,
    EmailTaken,
    BadUserInput,
    RateLimited,
    #[serde(other)]
    Other,
}

/// What the server says of one field of the input.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct FieldProblem {
    pub(crate) field: String,
    pub(crate) message: String,
}

impl Failure {
    /// What to tell the person where nothing more fitting is known.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::NoAnswer => {
                "The booking system can't be reached. Please check your connection.".to_owned()
            }
            Self::SessionEnded => "Your session has ended. Please sign in again.".to_owned(),
            Self::Api(refusal) => refusal.message.clone(),
        }
    }

    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Api(refusal) => Some(refusal.code),
            Self::NoAnswer | Self::SessionEnded => None,
        }
    }
}

/// An operation as it is sent. Which operation it is matters only to who reads the answer: all that is
/// between is the same code for each, and in the page once.
#[derive(Clone, Debug)]
pub(crate) struct RequestBody(String);

impl RequestBody {
    pub(crate) fn new<Q, V: Serialize>(operation: &Operation<Q, V>) -> Self {
        // Texts, numbers and objects with names always have a form in JSON.
        Self(serde_json::to_string(operation).unwrap_or_default())
    }
}

/// The data of an answer, in JSON.
#[derive(Debug)]
pub(crate) struct ResponseData(String);

impl ResponseData {
    pub(crate) fn parse<Q: DeserializeOwned>(&self) -> Result<Q, Failure> {
        serde_json::from_str(&self.0).map_err(|_| Failure::NoAnswer)
    }
}

/// Sends an operation and reads its answer, without anybody's access token.
///
/// # Errors
/// Never `SessionEnded`: that is for [`crate::session`] to say.
pub(crate) async fn send<Q, V>(operation: &Operation<Q, V>) -> Result<Q, Failure>
where
    Q: DeserializeOwned,
    V: Serialize,
{
    post(RequestBody::new(operation), None).await?.parse()
}

/// Sends an operation, for the user of the access token.
///
/// # Errors
/// As [`send`].
pub(crate) async fn post(
    body: RequestBody,
    access_token: Option<&str>,
) -> Result<ResponseData, Failure> {
    let mut request = Request::post("/graphql")
        .header("accept", "application/graphql-response+json")
        .header("content-type", "application/json")
        .abort_signal(Some(&web_sys::AbortSignal::timeout_with_u32(REQUEST_TIMEOUT_MILLIS)));
    if let Some(token) = access_token {
        request = request.header("authorization", &format!("Bearer {token}"));
    }
    let request = request.body(body.0).map_err(|_| Failure::NoAnswer)?;
    let answer = request.send().await.map_err(|_| Failure::NoAnswer)?;
    parse_response(&answer.text().await.map_err(|_| Failure::NoAnswer)?)
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

#[derive(Deserialize)]
struct Extensions {
    code: ErrorCode,
    #[serde(default)]
    fields: Vec<FieldProblem>,
}

/// The data of an answer without errors: half an answer is none, so that a field that failed is never
/// taken for one that is null.
pub(super) fn parse_response(answer: &str) -> Result<ResponseData, Failure> {
    let answer: Response<'_> = serde_json::from_str(answer).map_err(|_| Failure::NoAnswer)?;
    if let Some(ResponseError { message, extensions }) = answer.errors.into_iter().next() {
        let (code, fields) = match extensions {
            Some(Extensions { code, fields }) => (code, fields),
            None => (ErrorCode::Other, Vec::new()),
        };
        return Err(Failure::Api(ApiError { code, message, fields }));
    }
    answer.data.map(|data| ResponseData(data.get().to_owned())).ok_or(Failure::NoAnswer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refusal(answer: &Value) -> ApiError {
        match parse_response(&answer.to_string()) {
            Err(Failure::Api(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_error_keeps_its_code_its_message_and_its_fields() {
        let problem = json!({ "field": "email", "message": "Wrong." });
        let found = refusal(&json!({ "data": null, "errors": [{
            "message": "Wrong.", "path": ["register"], "locations": [{ "line": 1, "column": 2 }],
            "extensions": { "code": "BAD_USER_INPUT", "fields": [problem] },
        }] }));
        assert_eq!(found.code, ErrorCode::BadUserInput);
        assert_eq!(found.message, "Wrong.");
        assert_eq!(found.fields[0].field, "email");
    }

    #[test]
    fn half_an_answer_is_an_error() {
        let found = refusal(&json!({
            "data": { "me": null },
            "errors": [{ "message": "Expired.", "extensions": { "code": "UNAUTHENTICATED" } }],
        }));
        assert_eq!(found.code, ErrorCode::Unauthenticated);
    }

    #[test]
    fn an_unknown_code_is_still_an_error_with_its_message() {
        for extensions in [json!({ "code": "NEW_ONE" }), Value::Null] {
            let found = refusal(&json!({ "errors": [
                { "message": "Something new.", "extensions": extensions },
            ] }));
            assert_eq!(found.code, ErrorCode::Other);
            assert_eq!(found.message, "Something new.");
        }
    }

    #[test]
    fn what_is_no_answer_of_the_api_is_none() {
        for text in ["", "<!doctype html>Bad gateway", "{}"] {
            assert_eq!(parse_response(text).unwrap_err(), Failure::NoAnswer, "{text}");
        }
    }
}
