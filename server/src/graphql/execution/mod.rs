//! Runs operations against the schema, within the limits that hold for each of them.

mod absent_variables;
mod allowed_operations;
mod api;
mod documents;
mod known_valid;
mod query_size;

pub use allowed_operations::AllowedOperations;
pub(crate) use allowed_operations::sha256_hex;
pub(crate) use api::{Api, Operation, RequestId, code_of_first};
