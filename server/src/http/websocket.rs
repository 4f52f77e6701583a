//! GraphQL over WebSocket, in both subprotocols that clients speak: `graphql-transport-ws`, and
//! `graphql-ws` of the older ones, GraphQL Playground among them.

use std::{
    collections::HashSet,
    future::ready,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_graphql::http::{
    ALL_WEBSOCKET_PROTOCOLS, ClientMessage, WebSocket as Protocol, WebSocketProtocols, WsMessage,
};
use axum::{
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tracing::Instrument;

use super::{
    App, Peer,
    graphql::refuse,
    origin_may_call,
    sockets::{NO_PLACE, Place},
};
use crate::{
    accounts::access_tokens::{AccessTokens, Viewer},
    graphql::{errors::ApiError, execution::RequestId},
    rate_limit::ClientAddress,
};

/// Bytes of each of a socket's two buffers. They grow for what is larger; most messages are small, and
/// there are many sockets.
const BUFFER: usize = 1024;
/// Operations at the same time on one socket, besides its subscriptions.
const MOST_QUERIES: usize = 64;
/// How long a socket that is closed may take to be told so, and to answer.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// Longest reason of a close frame, in bytes; the protocol allows 123.
const LONGEST_REASON: usize = 120;

/// Why the server closes a socket, as <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md> and
/// <https://www.iana.org/assignments/websocket> number it.
mod code {
    pub(super) const NORMAL: u16 = 1000;
    pub(super) const PROTOCOL_ERROR: u16 = 1002;
    /// A policy was violated.
    pub(super) const TOO_MANY: u16 = 1008;
    pub(super) const INTERNAL_ERROR: u16 = 1011;
    pub(super) const SERVICE_RESTART: u16 = 1012;
    pub(super) const BAD_REQUEST: u16 = 4400;
    pub(super) const UNAUTHORIZED: u16 = 4401;
    pub(super) const FORBIDDEN: u16 = 4403;
    pub(super) const INIT_TIMEOUT: u16 = 4408;
    pub(super) const SUBSCRIBER_EXISTS: u16 = 4409;
}

/// Said to whoever shows an access token that is not good: clients take it as the moment to get another.
const BAD_TOKEN: &str = "The access token is expired or not valid";

/// How long a socket may keep silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until `connection_init` comes.
    pub(super) init: Duration,
    /// Between two pings.
    pub(super) ping: Duration,
}

pub(super) fn serve(
    app: App,
    peer: Peer,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !origin_may_call(headers, &app.allowed_origins) {
        let error = "This page's origin may not open a socket here: add it to ALLOWED_ORIGINS.";
        return refuse(StatusCode::FORBIDDEN, ApiError::Forbidden(error));
    }
    let upgrade = upgrade.protocols(ALL_WEBSOCKET_PROTOCOLS);
    let selected = upgrade.selected_protocol().and_then(|name| name.to_str().ok());
    let Some(protocol) = selected.and_then(|name| name.parse::<WebSocketProtocols>().ok()) else {
        let error = format!("Ask for the subprotocol {}.", ALL_WEBSOCKET_PROTOCOLS.join(" or "));
        return refuse(StatusCode::BAD_REQUEST, ApiError::field("sec-websocket-protocol", error));
    };
    let address = app.client_address(peer, headers);
    let Some(place) = app.sockets.take_place(address) else {
        return refuse(StatusCode::TOO_MANY_REQUESTS, ApiError::TooComplex(NO_PLACE.to_owned()));
    };
    let id = RequestId::new();
    let span = tracing::error_span!("socket", id = %id.0);
    let upgrade = upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(app.max_message_bytes)
        .max_frame_size(app.max_message_bytes);
    upgrade.on_upgrade(move |socket| {
        let sockets = app.sockets.clone();
        let work = talk(app, socket, protocol, place, (address, id));
        sockets.track(work.instrument(span))
    })
}

/// Answers one socket until either side ends it.
async fn talk(
    app: App,
    socket: WebSocket,
    protocol: WebSocketProtocols,
    _place: Place,
    of: (ClientAddress, RequestId),
) {
    let (mut sink, mut stream) = socket.split();
    let Some(frame) = converse(app, &mut sink, &mut stream, protocol, of).await else { return };
    // What comes until the client has answered is read: where bytes are left unread, the end of the connection
    // can overtake the frame.
    let parting = async {
        if sink.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = stream.next().await {}
        }
    };
    let _ = timeout(CLOSE_WITHIN, parting).await;
}

/// Does so until the server is to close the socket, and gives why; none when the client is gone.
async fn converse(
    app: App,
    sink: &mut SplitSink<WebSocket, Message>,
    stream: &mut SplitStream<WebSocket>,
    protocol: WebSocketProtocols,
    (address, id): (ClientAddress, RequestId),
) -> Option<CloseFrame> {
    let (was_heard, has_begun) = (AtomicBool::new(true), Arc::new(AtomicBool::new(false)));
    let operations = Operations::new(protocol, app.max_subscriptions_per_socket + MOST_QUERIES);
    let asked = stream
        .take_while(|frame| ready(frame.is_ok()))
        .inspect(|_| was_heard.store(true, Ordering::Relaxed))
        .filter_map(|frame| {
            ready(match frame {
                Ok(frame @ (Message::Text(_) | Message::Binary(_))) => {
                    Some(ClientMessage::from_bytes(frame.into_data()))
                }
                _ => None,
            })
        })
        .take_while(|message| ready(operations.admit(message)));
    let (begun, refused) = (Arc::clone(&has_begun), Arc::clone(&operations.refused));
    let its_app = Arc::clone(&app);
    let answers = Protocol::from_message_stream(app.api.clone(), asked, protocol)
        .on_connection_init(move |payload| {
            begun.store(true, Ordering::Relaxed);
            let viewer = viewer(&its_app.services.access_tokens, &payload);
            ready(if viewer == Viewer::Rejected {
                // Nothing else has refused a socket that had not begun.
                let _ = refused.set(close(code::FORBIDDEN, BAD_TOKEN));
                Err(BAD_TOKEN.into())
            } else {
                Ok(its_app.session(viewer, address, id))
            })
        });
    let mut answers = pin!(answers);
    let Patience { init, ping } = app.socket_patience;
    let mut too_late = pin!(sleep(init));
    let mut pings = interval_at(Instant::now() + ping, ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            () = app.sockets.closing() => {
                return Some(close(code::SERVICE_RESTART, "The server restarts: connect again."));
            }
            () = &mut too_late, if !has_begun.load(Ordering::Relaxed) => {
                return Some(close(code::INIT_TIMEOUT, "Connection initialisation timeout"));
            }
            _ = pings.tick() => {
                // Whoever is there answers a ping, and is heard.
                if !was_heard.swap(false, Ordering::Relaxed) {
                    return None;
                }
                Message::Ping(Vec::new().into())
            }
            answer = answers.next() => match answer {
                Some(WsMessage::Text(text)) => {
                    operations.note_end(&text);
                    Message::Text(text.into())
                }
                Some(WsMessage::Close(code, reason)) => {
                    return Some(operations.refusal_or(its_code(code), &reason));
                }
                None => return Some(operations.refusal_or(code::NORMAL, "")),
            },
        };
        tokio::select! {
            sent = sink.send(message) => if sent.is_err() { return None },
            // Also where nobody reads what is sent.
            () = app.sockets.closing() => {}
        }
    }
}

/// A socket's operations that are not over.
#[derive(Debug)]
struct Operations {
    ids: Mutex<HashSet<String>>,
    most: usize,
    /// In the older subprotocol, an operation takes the place of the one with its id.
    replace_each_other: bool,
    /// Why the socket is closed, after something that was not admitted.
    refused: Arc<OnceLock<CloseFrame>>,
}

impl Operations {
    fn new(protocol: WebSocketProtocols, most: usize) -> Self {
        Self {
            ids: Mutex::default(),
            most,
            replace_each_other: protocol == WebSocketProtocols::SubscriptionsTransportWS,
            refused: Arc::default(),
        }
    }

    /// Whether the client's message may be acted upon: async-graphql would drop an operation whose id
    /// another one takes.
    fn admit(&self, message: &serde_json::Result<ClientMessage>) -> bool {
        match message {
            Ok(ClientMessage::Start { id, .. }) => {
                let mut ids = self.ids();
                let is_new = ids.insert(id.clone());
                let refusal = if ids.len() > self.most {
                    let reason = format!("More than {} operations at once", self.most);
                    close(code::TOO_MANY, &reason)
                } else if !is_new && !self.replace_each_other {
                    let reason = format!("Subscriber for {id} already exists");
                    close(code::SUBSCRIBER_EXISTS, &reason)
                } else {
                    return true;
                };
                // Nothing is admitted after the first one.
                let _ = self.refused.set(refusal);
                false
            }
            Ok(ClientMessage::Stop { id }) => {
                self.ids().remove(id);
                true
            }
            _ => true,
        }
    }

    /// Why the socket is closed: what was refused here, else the given reason.
    fn refusal_or(&self, code: u16, reason: &str) -> CloseFrame {
        self.refused.get().cloned().unwrap_or_else(|| close(code, reason))
    }

    /// Frees the id of an operation that the server's message says is over.
    fn note_end(&self, message: &str) {
        #[derive(Deserialize)]
        struct Complete {
            id: String,
        }
        if message.starts_with(r#"{"type":"complete""#)
            && let Ok(Complete { id }) = serde_json::from_str(message)
        {
            self.ids().remove(&id);
        }
    }

    fn ids(&self) -> MutexGuard<'_, HashSet<String>> {
        // Nothing that holds the lock can panic half-way through a change.
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn close(code: u16, reason: &str) -> CloseFrame {
    CloseFrame { code, reason: reason[..reason.floor_char_boundary(LONGEST_REASON)].into() }
}

/// The code that the newer subprotocol has for what async-graphql means; the older one has none.
fn its_code(code: u16) -> u16 {
    match code {
        code::PROTOCOL_ERROR => code::BAD_REQUEST,
        code::INTERNAL_ERROR => code::UNAUTHORIZED,
        code => code,
    }
}

/// Who the payload of `connection_init` speaks for. Clients spell the header in either case, and
/// some put headers one level down.
fn viewer(tokens: &AccessTokens, payload: &Value) -> Viewer {
    let header = ["Authorization", "authorization"]
        .iter()
        .flat_map(|name| [payload.get(name), payload.get("headers").and_then(|h| h.get(name))])
        .flatten()
        .next();
    // Anything but a text is a token that is not good.
    tokens.viewer(header.map(|header| header.as_str().unwrap_or_default()))
}
