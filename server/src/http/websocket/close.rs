//! The reasons for which the server closes a socket.

use std::time::Duration;

use axum::extract::ws::CloseFrame;

use super::unreadable::UNREADABLE_PAYLOAD;

/// Longest time for the close frame to be sent, and for the client's to come back.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest reason of a close frame, in bytes. The protocol allows 123.
const MAX_REASON_BYTES: usize = 120;

/// Declares close codes, and a list of all of them.
macro_rules! close_codes {
    ($($(#[$doc:meta])* $code:ident = $number:literal)*) => {
        /// Close codes, as <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md> and
        /// <https://www.iana.org/assignments/websocket> define them.
        pub(crate) mod code {
            $($(#[$doc])* pub(crate) const $code: u16 = $number;)*
        }

        /// All codes that clients can meet.
        pub const CLOSE_CODES: &[u16] = &[$(code::$code),*];
    };
}

close_codes! {
    NORMAL = 1000
    /// A frame breaks the rules of WebSocket itself.
    PROTOCOL_ERROR = 1002
    NOT_UTF_8 = 1007
    /// The client violated a policy.
    TOO_MANY_OPERATIONS = 1008
    TOO_LARGE = 1009
    SERVICE_RESTART = 1012
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    INIT_TIMEOUT = 4408
    SUBSCRIBER_EXISTS = 4409
    /// async-graphql sends this for a second `connection_init`.
    TOO_MANY_INITS = 4429
}

/// async-graphql's code for a message that it can't read.
const LIBRARY_PROTOCOL_ERROR: u16 = 1002;
/// async-graphql's code for an operation before `connection_init`.
const LIBRARY_NOT_INITIALISED: u16 = 1011;

pub(super) fn close(code: u16, reason: &str) -> CloseFrame {
    CloseFrame { code, reason: reason[..reason.floor_char_boundary(MAX_REASON_BYTES)].into() }
}

/// Translates async-graphql's close frame to the codes of `graphql-transport-ws`. The older
/// subprotocol defines none.
pub(super) fn translate(frame: &CloseFrame) -> CloseFrame {
    match frame.code {
        // Its reason is made for programmers in Rust.
        LIBRARY_PROTOCOL_ERROR => close(code::BAD_REQUEST, UNREADABLE_PAYLOAD),
        LIBRARY_NOT_INITIALISED => close(code::UNAUTHORIZED, &frame.reason),
        code => close(code, &frame.reason),
    }
}
