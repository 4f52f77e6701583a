//! Checks the ids, texts and times that callers send. An error names the field.

use std::borrow::Cow;

use async_graphql::{ID, InputType, InputValueResult, MaybeUndefined, Value, registry::Registry};
use chrono::Utc;
use uuid::Uuid;

use super::{errors::ApiError, scalars::DateTime, validation::MAX_PROBLEMS};
use crate::{
    clock::without_leap_second,
    field_problem::FieldProblem,
    visible_text::{is_control, is_visible},
};

/// Parses an id.
///
/// # Errors
/// The problem names `field`, which isn't a UUID.
pub(crate) fn id<T: From<Uuid>>(field: &str, raw: &ID) -> Result<T, FieldProblem> {
    Uuid::try_parse(raw).map(T::from).map_err(|_| {
        let message = format!("{field} must be an id: a UUID from an earlier answer.");
        FieldProblem::new(field, message)
    })
}

/// Refuses a text that has more than `max_chars` characters, or that no database column can hold.
///
/// # Errors
/// The problem names `field`.
pub(crate) fn text(field: &str, raw: &str, max_chars: usize) -> Result<(), FieldProblem> {
    if raw.chars().nth(max_chars).is_some() {
        let message = format!("{field} can have at most {max_chars} characters.");
        return Err(FieldProblem::new(field, message));
    }
    // PostgreSQL can't store NUL in a text.
    if raw.contains('\0') {
        return Err(FieldProblem::new(field, format!("{field} contains a NUL character.")));
    }
    Ok(())
}

/// Longest reason for a cancellation, in characters.
const MAX_REASON_CHARS: usize = 1_000;

/// The reason for a cancellation, which people are told.
///
/// # Errors
/// The problem names `reason`, which is empty, too long, or has characters that can't be shown.
pub(crate) fn reason(raw: String) -> Result<String, FieldProblem> {
    let reason = raw.trim();
    if !reason.contains(is_visible) {
        return Err(FieldProblem::new("reason", "Say why, for those who booked."));
    }
    text("reason", reason, MAX_REASON_CHARS)?;
    if reason.contains(|c| is_control(c) && c != '\n') {
        return Err(FieldProblem::new("reason", "reason has a character that can't be shown."));
    }
    Ok(reason.to_owned())
}

/// Gathers what is wrong with the fields of an input, so that a caller learns all of it at once.
#[derive(Debug, Default)]
pub(crate) struct InputProblems(Vec<FieldProblem>);

impl InputProblems {
    /// Notes a problem, if it is one of the first [`MAX_PROBLEMS`].
    pub(crate) fn note(&mut self, problem: FieldProblem) {
        if self.0.len() < MAX_PROBLEMS {
            self.0.push(problem);
        }
    }

    /// The value of a field, or `None` after noting what is wrong with it.
    pub(crate) fn read<T>(&mut self, result: Result<T, FieldProblem>) -> Option<T> {
        result.map_err(|problem| self.note(problem)).ok()
    }

    /// The value of a field that may be left out, or `None` if it was. Null is a problem: GraphQL has no
    /// type for a field that may be left out and not be null.
    pub(crate) fn read_not_null<T>(&mut self, field: &str, value: MaybeUndefined<T>) -> Option<T> {
        if value.is_null() {
            let message = format!("{field} can't be null. Leave it out if it stays as it is.");
            self.note(FieldProblem::new(field, message));
        }
        value.take()
    }

    /// The problems that were noted.
    pub(crate) fn into_list(self) -> Vec<FieldProblem> {
        self.0
    }

    /// # Errors
    /// `BAD_USER_INPUT`, with each field that is wrong.
    pub(crate) fn check(self) -> Result<(), ApiError> {
        self.finish(Some(()))
    }

    /// Returns what was read, which is `None` only after a problem was noted.
    ///
    /// # Errors
    /// `BAD_USER_INPUT`, with each field that is wrong.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, ApiError> {
        match read {
            Some(read) if self.0.is_empty() => Ok(read),
            _ => Err(ApiError::BadUserInput(self.0)),
        }
    }
}

/// A `DateTime` argument that takes any value, so that the resolver can name the argument if it is
/// no time. async-graphql's error names none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(Option<chrono::DateTime<Utc>>);

impl Time {
    /// The time in UTC.
    ///
    /// # Errors
    /// The problem names `field`, which is no time.
    pub(crate) fn check(self, field: &str) -> Result<chrono::DateTime<Utc>, FieldProblem> {
        self.0.ok_or_else(|| {
            let message = format!("{field} must be a time, such as 2026-03-15T10:00:00Z.");
            FieldProblem::new(field, message)
        })
    }
}

impl InputType for Time {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        <DateTime as InputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <DateTime as InputType>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        let time = match value.unwrap_or_default() {
            Value::String(text) => chrono::DateTime::parse_from_rfc3339(&text).ok(),
            _ => None,
        };
        Ok(Self(time.map(|time| without_leap_second(time.to_utc()))))
    }

    fn to_value(&self) -> Value {
        self.0.map_or(Value::Null, |time| DateTime(time).to_value())
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}
