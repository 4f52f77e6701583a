//! The server's API, typed by its schema: queries over HTTP, live counts over one WebSocket.

mod http;
pub(crate) mod live;
pub(crate) mod queries;

pub(crate) use http::list_events;
