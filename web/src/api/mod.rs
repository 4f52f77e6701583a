//! The server's API: operations over HTTP, and live counts and edits over one WebSocket.

pub(crate) mod details;
pub(crate) mod http;
pub(crate) mod live;
pub(crate) mod online;
mod socket;

pub(crate) use http::{ErrorCode, Failure};
