//! The schema's scalars.

use super::schema;

/// A time in RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, cynic::Scalar)]
pub struct DateTime(pub String);

/// An exact decimal number.
#[derive(Clone, Debug, PartialEq, Eq, cynic::Scalar)]
pub struct Decimal(pub String);
