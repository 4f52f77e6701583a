//! Runs operations against the schema, within limits that hold for each of them.

mod absent_variables;
mod answer_shape;
mod api;
mod client_api;
mod coded_errors;
mod count_stream;
mod documents;
mod forbidden_nulls;
mod introspection_size;
mod kept_bytes;
mod merged_selection;
mod operations;
mod query_size;
mod raw_variables;
mod variable_values;

pub(crate) use api::{Api, Operation, RequestId};
pub(crate) use client_api::{Admitted, ClientApi};
pub(crate) use coded_errors::{RequestErrors, code_of_first, was_refused};
pub(super) use count_stream::{Handover, count_version};
pub(crate) use documents::Document;
pub(crate) use raw_variables::{RawVariables, max_values_in};
