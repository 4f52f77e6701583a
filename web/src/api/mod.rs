//! The server's API, typed by its schema: operations over HTTP, live counts over one WebSocket.

pub(crate) mod http;
pub(crate) mod live;
mod socket;

pub(crate) use http::{ErrorCode, Failure};
