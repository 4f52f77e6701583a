//! Runs operations against the schema, within limits that hold for each of them.

mod absent_variables;
mod api;
mod coded_errors;
mod documents;
mod known_valid;
mod query_size;

pub(crate) use api::{Api, Operation, RequestId};
pub(crate) use coded_errors::code_of_first;
