//! The schema's own scalars: exact decimals, and times in UTC.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{SecondsFormat, Utc};

/// How a value of one of these scalars is written, for messages; `None` for any other scalar.
pub(crate) fn form_of(scalar: &str) -> Option<&'static str> {
    match scalar {
        "Decimal" => Some("a decimal number as a string, such as \"49.90\""),
        "DateTime" => Some("a time as a string, such as \"2026-03-15T10:00:00Z\""),
        _ => None,
    }
}

/// Whether this string is one of the named scalar. Any string is one of a scalar that is not here.
pub(crate) fn is_form(scalar: &str, text: &str) -> bool {
    match scalar {
        "Decimal" => text.parse::<rust_decimal::Decimal>().is_ok(),
        "DateTime" => text.parse::<chrono::DateTime<Utc>>().is_ok(),
        _ => true,
    }
}

/// A decimal number as a string such as "49.90", never a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal(pub(crate) rust_decimal::Decimal);

/// A decimal number as a string such as "49.90", never a float.
#[Scalar]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Ok(Self(text.parse()?)),
            _ => Err(InputValueError::expected_type(value)),
        }
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
            Value::String(text) => Ok(Self(text.parse()?)),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}
