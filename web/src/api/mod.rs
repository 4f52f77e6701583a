//! The server's API: operations over HTTP, and live counts and edits over a WebSocket.

pub(crate) mod arrivals;
pub(crate) mod details;
pub(crate) mod http;
pub(crate) mod live;
pub(crate) mod online;
mod socket;

pub(crate) use http::{ErrorCode, Failure};
