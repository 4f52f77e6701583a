//! The state of one socket: whether it is initialised, which operations run, and the reason for
//! closing it.

use std::{
    collections::HashSet,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::extract::ws::CloseFrame;
use parking_lot::Mutex;
use serde::{Deserialize, de::IgnoredAny};

use super::{
    close::{close, code, translate},
    unreadable::why_unreadable,
};

/// Maximum length of an operation's id. It is kept, and repeated in each result.
const MAX_ID_BYTES: usize = 256;

#[derive(Debug)]
pub(super) struct SocketState {
    is_initialised: AtomicBool,
    /// The ids of the running operations.
    running: Mutex<HashSet<String>>,
    max_operations: usize,
    /// In the older subprotocol, a new operation replaces the one with the same id.
    operations_replace_each_other: bool,
    /// The reason for closing the socket, once something was refused.
    refusal: OnceLock<CloseFrame>,
}

/// A message as async-graphql reads it, as far as it decides about admission. It has the same form,
/// so that both read the same from any text.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Message {
    #[serde(alias = "subscribe")]
    Start {
        id: String,
        #[expect(dead_code, reason = "it must be there")]
        payload: IgnoredAny,
    },
    #[serde(alias = "complete")]
    Stop {
        id: String,
    },
    ConnectionInit,
    ConnectionTerminate,
    Ping,
    Pong,
}

impl SocketState {
    pub(super) fn new(max_operations: usize, operations_replace_each_other: bool) -> Self {
        Self {
            is_initialised: AtomicBool::new(false),
            running: Mutex::default(),
            max_operations,
            operations_replace_each_other,
            refusal: OnceLock::new(),
        }
    }

    pub(super) fn is_initialised(&self) -> bool {
        self.is_initialised.load(Ordering::Relaxed)
    }

    /// Records that `connection_init` has arrived.
    pub(super) fn set_initialised(&self) {
        self.is_initialised.store(true, Ordering::Relaxed);
    }

    /// Decides whether a client's message may be processed. If not, the socket must be closed.
    /// async-graphql itself would drop a running operation when another one takes its id.
    pub(super) fn admit(&self, message: &[u8]) -> bool {
        match serde_json::from_slice(message) {
            Ok(Message::Start { id, .. }) => self.admit_operation(id),
            Ok(Message::Stop { id }) => {
                self.running.lock().remove(&id);
                true
            }
            Ok(
                Message::ConnectionInit
                | Message::ConnectionTerminate
                | Message::Ping
                | Message::Pong,
            ) => true,
            Err(_) => {
                self.refuse(close(code::BAD_REQUEST, why_unreadable(message)));
                false
            }
        }
    }

    fn admit_operation(&self, id: String) -> bool {
        if id.len() > MAX_ID_BYTES {
            let reason = format!("An operation's id has more than {MAX_ID_BYTES} bytes");
            self.refuse(close(code::BAD_REQUEST, &reason));
            return false;
        }
        let mut running = self.running.lock();
        let is_new = running.insert(id.clone());
        let refusal = if running.len() > self.max_operations {
            let reason = format!("More than {} operations at the same time", self.max_operations);
            close(code::TOO_MANY_OPERATIONS, &reason)
        } else if !is_new && !self.operations_replace_each_other {
            close(code::SUBSCRIBER_EXISTS, &format!("Subscriber for {id} already exists"))
        } else {
            return true;
        };
        self.refuse(refusal);
        false
    }

    /// Whether a message of async-graphql may be sent. If it ends an operation, that one's id is free.
    /// async-graphql also answers a client that stops an operation. The client may have given the id
    /// to another one since then, which it would take for ended.
    pub(super) fn may_send(&self, message: &str) -> bool {
        if message.starts_with(r#"{"type":"complete""#)
            && let Ok(Message::Stop { id }) = serde_json::from_str(message)
        {
            return self.running.lock().remove(&id);
        }
        true
    }

    /// Records the reason for closing the socket. The first reason counts.
    pub(super) fn refuse(&self, frame: CloseFrame) {
        let _ = self.refusal.set(frame);
    }

    /// Records the frame with which async-graphql closes the socket, in this API's codes.
    pub(super) fn refuse_with_library_frame(&self, frame: Option<&CloseFrame>) {
        if let Some(frame) = frame {
            self.refuse(translate(frame));
        }
    }

    /// The frame to close the socket with.
    pub(super) fn close_frame(&self) -> CloseFrame {
        self.refusal.get().cloned().unwrap_or_else(|| close(code::NORMAL, ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscribe(id: &str) -> Vec<u8> {
        format!(r#"{{"id":"{id}","type":"subscribe","payload":{{"query":"…"}}}}"#).into()
    }

    #[test]
    fn a_socket_runs_a_limited_number_of_operations() {
        let state = SocketState::new(2, false);
        assert!(state.admit(&subscribe("a")) && state.admit(&subscribe("b")));
        assert!(state.admit(br#"{"type":"complete","id":"a"}"#), "the client ends one");
        assert!(state.admit(&subscribe("c")));
        assert!(state.may_send(r#"{"type":"complete","id":"c"}"#), "the server ends one");
        assert!(state.admit(&subscribe("d")));
        assert!(!state.admit(&subscribe("e")));
        assert_eq!(state.close_frame().code, code::TOO_MANY_OPERATIONS);
    }

    #[test]
    fn the_end_of_an_operation_is_not_sent_to_the_client_that_stopped_it() {
        let state = SocketState::new(9, false);
        let complete = r#"{"type":"complete","id":"a"}"#;
        assert!(state.admit(&subscribe("a")) && state.admit(complete.as_bytes()));
        assert!(!state.may_send(complete));
        assert!(state.admit(&subscribe("a")));
        assert!(state.may_send(complete));
        assert!(state.may_send(r#"{"type":"next","id":"a","payload":{"data":null}}"#));
    }

    #[test]
    fn an_id_that_runs_is_refused_in_the_newer_subprotocol_only() {
        let (newer, older) = (SocketState::new(9, false), SocketState::new(9, true));
        for state in [&newer, &older] {
            assert!(state.admit(&subscribe("a")));
        }
        assert!(!newer.admit(&subscribe("a")));
        assert_eq!(newer.close_frame().code, code::SUBSCRIBER_EXISTS);
        assert!(older.admit(&subscribe("a")));
        assert_eq!(older.close_frame().code, code::NORMAL);
    }

    #[test]
    fn an_operation_in_any_form_that_the_library_reads_is_counted() {
        let array = br#"["subscribe","a",{"query":"{ __typename }"}]"#;
        assert!(async_graphql::http::ClientMessage::from_bytes(array).is_ok(), "it is read");
        let state = SocketState::new(1, false);
        assert!(state.admit(array));
        assert!(!state.admit(&subscribe("a")), "its id is in use");
    }

    #[test]
    fn messages_that_are_not_part_of_the_protocol_are_refused() {
        for message in ["", "{}", "[1]", r#"["subscribe"]"#, r#"{"type":"subscribe"}"#] {
            let state = SocketState::new(9, false);
            assert!(!state.admit(message.as_bytes()), "{message}");
            assert_eq!(state.close_frame().code, code::BAD_REQUEST, "{message}");
        }
        let state = SocketState::new(0, false);
        for message in [
            r#"{"type":"ping"}"#,
            r#"{"type":"pong","payload":[7]}"#,
            r#"{"type":"connection_init","payload":{}}"#,
            r#"{"x":1,"type":"connection_terminate"}"#,
        ] {
            assert!(state.admit(message.as_bytes()), "{message}");
        }
    }

    #[test]
    fn the_first_reason_for_closing_counts() {
        let state = SocketState::new(1, false);
        state.refuse(close(code::FORBIDDEN, "first"));
        state.refuse_with_library_frame(Some(&close(1002, "second")));
        assert_eq!(state.close_frame().code, code::FORBIDDEN);
        let state = SocketState::new(1, false);
        state.refuse_with_library_frame(Some(&close(1002, "not JSON")));
        assert_eq!(state.close_frame().code, code::BAD_REQUEST);
    }
}
