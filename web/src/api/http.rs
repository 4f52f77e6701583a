//! Operations over HTTP POST, and the ways they fail.

use cynic::Operation;
use gloo_net::http::Request;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

/// Longest wait for an answer, in milliseconds. The server gives up on a booking before.
pub(crate) const PATIENCE_MILLIS: u32 = 45_000;

/// Why an operation gave no data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The network or the server is away, or broke off: whether the operation was carried out is
    /// not known.
    NoAnswer,
    /// The session ended before the operation, which was not carried out.
    SessionEnded,
    Refused(Refusal),
}

/// An error as the server describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    /// For the person.
    pub(crate) message: String,
    pub(crate) fields: Vec<FieldProblem>,
}

/// The server's error codes, as far as the client acts on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Code {
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
            Self::Refused(refusal) => refusal.message.clone(),
        }
    }

    pub(crate) fn code(&self) -> Option<Code> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            Self::NoAnswer | Self::SessionEnded => None,
        }
    }
}

/// An operation as it is sent. Which operation it is matters only to who reads the answer: all that is
/// between is the same code for each, and in the page once.
#[derive(Clone, Debug)]
pub(crate) struct Body(String);

impl Body {
    pub(crate) fn of<Q, V: Serialize>(operation: &Operation<Q, V>) -> Self {
        // Texts, numbers and objects with names always have a form in JSON.
        Self(serde_json::to_string(operation).unwrap_or_default())
    }
}

/// The data of an answer, in JSON.
#[derive(Debug)]
pub(crate) struct Data(String);

impl Data {
    pub(crate) fn read<Q: DeserializeOwned>(&self) -> Result<Q, Failure> {
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
    post(Body::of(operation), None).await?.read()
}

/// Sends an operation, for the user of the access token.
///
/// # Errors
/// As [`send`].
pub(crate) async fn post(body: Body, access_token: Option<&str>) -> Result<Data, Failure> {
    let mut request = Request::post("/graphql")
        .header("accept", "application/graphql-response+json")
        .header("content-type", "application/json")
        .abort_signal(Some(&web_sys::AbortSignal::timeout_with_u32(PATIENCE_MILLIS)));
    if let Some(token) = access_token {
        request = request.header("authorization", &format!("Bearer {token}"));
    }
    let request = request.body(body.0).map_err(|_| Failure::NoAnswer)?;
    let answer = request.send().await.map_err(|_| Failure::NoAnswer)?;
    data_of(&answer.text().await.map_err(|_| Failure::NoAnswer)?)
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    errors: Vec<AnswerError>,
}

#[derive(Deserialize)]
struct AnswerError {
    message: String,
    extensions: Option<Extensions>,
}

#[derive(Deserialize)]
struct Extensions {
    code: Code,
    #[serde(default)]
    fields: Vec<FieldProblem>,
}

/// The data of an answer without errors: half an answer is none, so that a field that failed is never
/// taken for one that is null.
pub(super) fn data_of(answer: &str) -> Result<Data, Failure> {
    let answer: Answer<'_> = serde_json::from_str(answer).map_err(|_| Failure::NoAnswer)?;
    if let Some(AnswerError { message, extensions }) = answer.errors.into_iter().next() {
        let (code, fields) = match extensions {
            Some(Extensions { code, fields }) => (code, fields),
            None => (Code::Other, Vec::new()),
        };
        return Err(Failure::Refused(Refusal { code, message, fields }));
    }
    answer.data.map(|data| Data(data.get().to_owned())).ok_or(Failure::NoAnswer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refusal(answer: &Value) -> Refusal {
        match data_of(&answer.to_string()) {
            Err(Failure::Refused(refusal)) => refusal,
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
        assert_eq!(found.code, Code::BadUserInput);
        assert_eq!(found.message, "Wrong.");
        assert_eq!(found.fields[0].field, "email");
    }

    #[test]
    fn half_an_answer_is_an_error() {
        let found = refusal(&json!({
            "data": { "me": null },
            "errors": [{ "message": "Expired.", "extensions": { "code": "UNAUTHENTICATED" } }],
        }));
        assert_eq!(found.code, Code::Unauthenticated);
    }

    #[test]
    fn an_unknown_code_is_still_an_error_with_its_message() {
        for extensions in [json!({ "code": "NEW_ONE" }), Value::Null] {
            let found = refusal(&json!({ "errors": [
                { "message": "Something new.", "extensions": extensions },
            ] }));
            assert_eq!(found.code, Code::Other);
            assert_eq!(found.message, "Something new.");
        }
    }

    #[test]
    fn what_is_no_answer_of_the_api_is_none() {
        for text in ["", "<!doctype html>Bad gateway", "{}"] {
            assert_eq!(data_of(text).unwrap_err(), Failure::NoAnswer, "{text}");
        }
    }
}
