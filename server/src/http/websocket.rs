//! GraphQL over WebSocket, in both subprotocols that clients speak: `graphql-transport-ws`, and
//! `graphql-ws` of the older ones, GraphQL Playground among them.

use std::{
    future::ready,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_graphql::{
    Data,
    http::{ALL_WEBSOCKET_PROTOCOLS, WebSocket as Protocol, WebSocketProtocols, WsMessage},
};
use axum::{
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tracing::Instrument;

use super::{App, Peer, graphql::refuse, origin_may_call, sockets::Place};
use crate::{
    auth::AccessTokens, error::ApiError, live::graphql::FreeSubscriptions,
    rate_limit::ClientAddress, schema::RequestId,
};

/// Bytes of each of a socket's two buffers. They grow for what is larger; most messages are small, and
/// there are many sockets.
const BUFFER: usize = 1024;
/// How long a socket that is closed may take to be told so.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// Longest reason of a close frame, in bytes; the protocol allows 123.
const LONGEST_REASON: usize = 120;

/// Why the server closes a socket, as <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md> and
/// <https://www.iana.org/assignments/websocket> number it.
mod code {
    pub(super) const PROTOCOL_ERROR: u16 = 1002;
    pub(super) const INTERNAL_ERROR: u16 = 1011;
    pub(super) const SERVICE_RESTART: u16 = 1012;
    pub(super) const BAD_REQUEST: u16 = 4400;
    pub(super) const UNAUTHORIZED: u16 = 4401;
    pub(super) const INIT_TIMEOUT: u16 = 4408;
}

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
        let error = "There are too many sockets open from this address: close some first.";
        return refuse(StatusCode::TOO_MANY_REQUESTS, ApiError::TooComplex(error.to_owned()));
    };
    let id = RequestId::new();
    let span = tracing::info_span!("socket", id = %id.0);
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
    (address, id): (ClientAddress, RequestId),
) {
    let (mut sink, stream) = socket.split();
    let (was_heard, is_welcome) = (AtomicBool::new(true), Arc::new(AtomicBool::new(false)));
    let asked = stream
        .take_while(|frame| ready(frame.is_ok()))
        .inspect(|_| was_heard.store(true, Ordering::Relaxed))
        .filter_map(|frame| {
            ready(match frame {
                Ok(frame @ (Message::Text(_) | Message::Binary(_))) => Some(frame.into_data()),
                _ => None,
            })
        });
    let free = FreeSubscriptions::new(app.max_subscriptions_per_socket);
    let (welcome, tokens) = (Arc::clone(&is_welcome), app.services.access_tokens.clone());
    let answers =
        Protocol::new(app.api.clone(), asked, protocol).on_connection_init(move |payload| {
            welcome.store(true, Ordering::Relaxed);
            let mut data = Data::default();
            data.insert(viewer(&tokens, &payload));
            data.insert(address);
            data.insert(id);
            data.insert(free);
            ready(Ok(data))
        });
    let mut answers = pin!(answers);
    let Patience { init, ping } = app.socket_patience;
    let mut too_late = pin!(sleep(init));
    let mut pings = interval_at(Instant::now() + ping, ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            () = app.sockets.closing() => {
                close(code::SERVICE_RESTART, "The server restarts: connect again.")
            }
            () = &mut too_late, if !is_welcome.load(Ordering::Relaxed) => {
                close(code::INIT_TIMEOUT, "Connection initialisation timeout")
            }
            _ = pings.tick() => {
                // Whoever is there answers a ping, and is heard.
                if !was_heard.swap(false, Ordering::Relaxed) {
                    return;
                }
                Message::Ping(Vec::new().into())
            }
            answer = answers.next() => match answer {
                Some(WsMessage::Text(text)) => Message::Text(text.into()),
                Some(WsMessage::Close(code, reason)) => close(its_code(protocol, code), &reason),
                None => return,
            },
        };
        if matches!(message, Message::Close(_)) {
            // Whoever does not take it finds the connection ended.
            let _ = timeout(CLOSE_WITHIN, sink.send(message)).await;
            return;
        }
        tokio::select! {
            sent = sink.send(message) => if sent.is_err() { return },
            // Also where nobody reads what is sent.
            () = app.sockets.closing() => {}
        }
    }
}

fn close(code: u16, reason: &str) -> Message {
    let reason = &reason[..reason.floor_char_boundary(LONGEST_REASON)];
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}

/// The code that the newer subprotocol has for what async-graphql means.
fn its_code(protocol: WebSocketProtocols, code: u16) -> u16 {
    match (protocol, code) {
        (WebSocketProtocols::GraphQLWS, code::PROTOCOL_ERROR) => code::BAD_REQUEST,
        (WebSocketProtocols::GraphQLWS, code::INTERNAL_ERROR) => code::UNAUTHORIZED,
        (_, code) => code,
    }
}

/// Who the payload of `connection_init` speaks for. Clients spell the header in either case, and
/// some put headers one level down.
fn viewer(tokens: &AccessTokens, payload: &Value) -> crate::auth::Viewer {
    let header = ["Authorization", "authorization"]
        .iter()
        .flat_map(|name| [payload.get(name), payload.get("headers").and_then(|h| h.get(name))])
        .flatten()
        .next();
    // Anything but a text is a token that is not good.
    tokens.viewer(header.map(|header| header.as_str().unwrap_or_default()))
}
