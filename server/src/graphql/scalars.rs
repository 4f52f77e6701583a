//! The schema's own scalars: exact decimals, and times in UTC.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{SecondsFormat, Utc};

use crate::{clock::without_leap_second, events::parse_decimal};

/// A sentence that says how a value of a scalar is written, with a space before it, or nothing where
/// the scalar's name says all.
pub(crate) fn how_to_write(scalar: &str) -> &'static str {
    match scalar {
        "Int" => " Write a whole number from -2147483648 to 2147483647.",
        "Decimal" => " Write a decimal number of at most 28 digits as a string, such as \"49.90\".",
        "DateTime" => " Write a time as a string, such as \"2026-03-15T10:00:00Z\".",
        _ => "",
    }
}

/// Whether a value is right for the named scalar, which is one of the schema's own. `text` is the
/// value, if it is a string.
pub(crate) fn is_valid(scalar: &str, text: Option<&str>) -> bool {
    match (scalar, text) {
        ("Decimal", Some(text)) => parse_decimal(text).is_some(),
        ("DateTime", Some(text)) => parse_time(text).is_ok(),
        _ => false,
    }
}

fn parse_time(text: &str) -> chrono::ParseResult<chrono::DateTime<Utc>> {
    text.parse().map(without_leap_second)
}

/// A decimal number as a string such as "49.90", never a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal(pub(crate) rust_decimal::Decimal);

/// A decimal number as a string such as "49.90", never a float.
#[Scalar]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => parse_decimal(text).map(Self),
            _ => None,
        }
        .ok_or_else(|| InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A moment in RFC 3339 in UTC, such as "2026-03-15T10:00:00Z".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateTime(pub(crate) chrono::DateTime<Utc>);

/// A moment in RFC 3339 in UTC, such as "2026-03-15T10:00:00Z".
#[Scalar]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Ok(Self(parse_time(text)?)),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}
