//! Gives async-graphql's errors the codes of this API.

use async_graphql::{Pos, Response, ServerError, Value};

use crate::{
    field_problem::FieldProblem,
    graphql::{
        errors::{ApiError, code},
        validation::{MAX_PROBLEMS, Problem},
    },
};

/// Maximum length of async-graphql's messages, in characters. They can quote the whole query.
const MAX_MESSAGE_CHARS: usize = 300;

/// The reasons why a request is not executed, at least one.
#[derive(Clone, Debug)]
pub(crate) struct RequestErrors(Vec<ServerError>);

impl RequestErrors {
    /// The memory that they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        // The message stands in the extensions, too, with the name of a field.
        self.0.iter().map(|error| 3 * error.message.len() + size_of::<ServerError>()).sum()
    }

    pub(crate) fn into_response(self) -> Response {
        Response::from_errors(self.0)
    }
}

impl From<ServerError> for RequestErrors {
    fn from(error: ServerError) -> Self {
        Self(vec![error])
    }
}

impl From<Vec<ServerError>> for RequestErrors {
    fn from(errors: Vec<ServerError>) -> Self {
        Self(errors)
    }
}

impl From<Vec<Problem>> for RequestErrors {
    fn from(problems: Vec<Problem>) -> Self {
        let to_error = |Problem { pos, argument, message }| {
            invalid(pos, argument.unwrap_or_else(|| "query".to_owned()), message)
        };
        Self(problems.into_iter().map(to_error).collect())
    }
}

/// The error for a wrong place in a query.
pub(super) fn invalid(pos: Pos, field: String, message: String) -> ServerError {
    field_error(ServerError::new(message, Some(pos)), field)
}

/// An error without a place in the query.
pub(super) fn coded(error: ApiError) -> ServerError {
    let error = async_graphql::Error::from(error);
    let extensions = error.extensions;
    ServerError { extensions, ..ServerError::new(error.message, None) }
}

/// The error's code. All errors that leave `Api` have one.
pub(super) fn code_of(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

/// The code of the response's first error, if there is one.
pub(crate) fn code_of_first(response: &Response) -> Option<&'static str> {
    response.errors.first().and_then(code_of).and_then(code::known)
}

/// Whether a request was refused before any of it was executed. Its errors then have no path.
pub(crate) fn was_refused(response: &Response) -> bool {
    !response.errors.is_empty()
        && response.data == Value::Null
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// Cuts errors that nobody would read. One query can have thousands.
pub(super) fn limit_errors(response: &mut Response) {
    if response.errors.len() > MAX_PROBLEMS {
        response.errors.truncate(MAX_PROBLEMS);
        response.errors.shrink_to_fit();
    }
    response.errors.iter_mut().for_each(|error| limit_message(&mut error.message));
}

/// Shortens a message that quotes too much.
fn limit_message(message: &mut String) {
    if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE_CHARS) {
        message.truncate(end);
        message.shrink_to_fit();
        message.push('…');
    }
}

/// Turns an error into `BAD_USER_INPUT` for one field. It keeps its message and its place in the
/// query.
pub(super) fn field_error(mut error: ServerError, mut field: String) -> ServerError {
    limit_message(&mut error.message);
    limit_message(&mut field);
    let problem = FieldProblem::new(field, error.message.clone());
    let api_error = async_graphql::Error::from(ApiError::BadUserInput(vec![problem]));
    ServerError { extensions: api_error.extensions, ..error }
}
