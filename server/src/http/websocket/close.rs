//! The codes and reasons with which the server closes a socket.

use std::time::Duration;

use axum::extract::ws::CloseFrame;

/// Longest time to send the close frame and to receive the client's.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum length of a close frame's reason, in bytes. The protocol allows 123.
const MAX_REASON_BYTES: usize = 120;

/// Close codes, as <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md> and
/// <https://www.iana.org/assignments/websocket> define them.
pub(super) mod code {
    pub(in super::super) const NORMAL: u16 = 1000;
    /// async-graphql's code for a message that it can't read.
    pub(in super::super) const PROTOCOL_ERROR: u16 = 1002;
    /// The client violated a policy.
    pub(in super::super) const TOO_MANY_OPERATIONS: u16 = 1008;
    /// async-graphql's code for an operation before `connection_init`.
    pub(in super::super) const INTERNAL_ERROR: u16 = 1011;
    pub(in super::super) const SERVICE_RESTART: u16 = 1012;
    pub(in super::super) const BAD_REQUEST: u16 = 4400;
    pub(in super::super) const UNAUTHORIZED: u16 = 4401;
    pub(in super::super) const FORBIDDEN: u16 = 4403;
    pub(in super::super) const INIT_TIMEOUT: u16 = 4408;
    pub(in super::super) const SUBSCRIBER_EXISTS: u16 = 4409;
    /// async-graphql sends it for a second `connection_init`.
    pub(in super::super) const TOO_MANY_INITS: u16 = 4429;
}

/// The codes that clients can receive and that have a meaning of their own.
pub const CLOSE_CODES: &[u16] = &[
    code::TOO_MANY_OPERATIONS,
    code::SERVICE_RESTART,
    code::BAD_REQUEST,
    code::UNAUTHORIZED,
    code::FORBIDDEN,
    code::INIT_TIMEOUT,
    code::SUBSCRIBER_EXISTS,
    code::TOO_MANY_INITS,
];

pub(super) fn close(code: u16, reason: &str) -> CloseFrame {
    CloseFrame { code, reason: reason[..reason.floor_char_boundary(MAX_REASON_BYTES)].into() }
}

/// Translates async-graphql's close frame to the codes of `graphql-transport-ws`. The older
/// subprotocol defines none.
pub(super) fn translate(frame: &CloseFrame) -> CloseFrame {
    let code = match frame.code {
        code::PROTOCOL_ERROR => code::BAD_REQUEST,
        code::INTERNAL_ERROR => code::UNAUTHORIZED,
        code => code,
    };
    close(code, &frame.reason)
}
