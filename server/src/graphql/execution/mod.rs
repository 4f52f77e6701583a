//! Runs operations against the schema, within limits that hold for each of them.

mod absent_variables;
mod api;
mod coded_errors;
mod documents;
mod introspection_size;
mod kept_bytes;
mod known_valid;
mod query_size;
mod raw_variables;
mod text_size;

pub(crate) use api::{Admitted, Api, ClientApi, Operation, RequestId};
pub(crate) use coded_errors::{code_of_first, was_refused};
pub(crate) use documents::Document;
pub(crate) use raw_variables::{RawVariables, max_values_in};
