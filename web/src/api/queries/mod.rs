//! Every operation of the client, checked against `schema.graphql` when it is compiled.

pub(crate) mod accounts;
pub(crate) mod bookings;
pub(crate) mod events;
pub(crate) mod live;

#[cynic::schema("rowlock")]
mod schema {}

/// A moment in RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, cynic::Scalar)]
pub(crate) struct DateTime(pub(crate) String);

/// An exact decimal number.
#[derive(Clone, Debug, PartialEq, Eq, cynic::Scalar)]
pub(crate) struct Decimal(pub(crate) String);
