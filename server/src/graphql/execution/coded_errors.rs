//! Gives async-graphql's errors the codes of this API.

use async_graphql::{Response, ServerError, Value};

use crate::{
    field_problem::FieldProblem,
    graphql::errors::{ApiError, code},
};

/// Maximum number of errors in one answer. Nobody reads more.
const MAX_ERRORS: usize = 20;
/// Maximum length of async-graphql's messages, in characters. They can quote the whole query.
const MAX_MESSAGE_CHARS: usize = 300;

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
    if response.errors.len() > MAX_ERRORS {
        response.errors.truncate(MAX_ERRORS);
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
pub(super) fn field_error(mut error: ServerError, field: String) -> ServerError {
    limit_message(&mut error.message);
    let problem = FieldProblem::new(field, error.message.clone());
    let api_error = async_graphql::Error::from(ApiError::BadUserInput(vec![problem]));
    ServerError { extensions: api_error.extensions, ..error }
}

/// Finds the argument that a message of async-graphql is about, such as `quantity` in
/// `Invalid value for argument "input.quantity", expected type "Int"`. The library names the
/// argument in no other way. A test pins each case that matters.
pub(super) fn argument_named_in(message: &str) -> Option<String> {
    let rest = message
        .strip_prefix("Invalid value for argument \"")
        .or_else(|| message.strip_prefix("Unknown argument \""))
        .or_else(|| message.strip_prefix("Variable \"$"))?;
    let (name, _) = rest.split_once('"')?;
    let name = name.strip_prefix("input.").unwrap_or(name);
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_about_an_argument_names_it() {
        let name = |message| argument_named_in(message);
        assert_eq!(
            name(r#"Invalid value for argument "input.quantity", expected type "Int""#).as_deref(),
            Some("quantity")
        );
        assert_eq!(
            name(r#"Invalid value for argument "orderBy.field", enumeration type "X""#).as_deref(),
            Some("orderBy.field")
        );
        assert_eq!(name(r#"Unknown field "x" on type "Query""#), None);
    }
}
