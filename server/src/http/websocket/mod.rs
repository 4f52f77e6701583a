//! GraphQL over WebSocket, in the two subprotocols that clients speak: `graphql-transport-ws`, and
//! the older `graphql-ws`, which GraphQL Playground uses.
//!
//! async-graphql-axum runs the subprotocols. Rowlock adds adapters around the socket's stream and
//! sink ([`connection`]), the admission of operations ([`socket_state`]), pings and deadlines.

mod broken_frame;
mod close;
mod connection;
mod large_messages;
mod socket_state;
mod unreadable;

use std::{pin::pin, sync::Arc};

use async_graphql::http::ALL_WEBSOCKET_PROTOCOLS;
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use axum::{
    extract::{
        FromRequestParts,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, HeaderValue, Request, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
    response::Response,
};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tracing::Instrument;

use self::{
    close::{CLOSE_TIMEOUT, close, code},
    connection::Connection,
    large_messages::without_undeclared_variables,
    socket_state::SocketState,
};
use super::{
    access_log::{Logged, opened_socket},
    answer::refuse,
    arrived::Arrived,
    client_address::Peer,
    open_sockets::{SocketPermit, too_many_sockets},
    settings::SocketTimeouts,
    state::App,
    trace_parent::TraceParent,
};
use crate::{
    accounts::{AccessTokens, Viewer},
    graphql::{ApiError, ClientApi, RequestId},
    limits::ClientAddress,
};

pub use self::close::CLOSE_CODES;

/// Initial size of each of a socket's two buffers, in bytes. They grow for larger messages, but
/// most messages are small, and there are many sockets.
const BUFFER_BYTES: usize = 1024;
/// Maximum number of operations that a socket may run at the same time, besides its subscriptions.
const MAX_QUERIES: usize = 64;
/// The older subprotocol.
const GRAPHQL_WS: &str = "graphql-ws";
/// The reason that clients get if their access token is not valid. They then get another token.
const BAD_TOKEN: &str = "The access token is expired or not valid";

/// Upgrades a request to a WebSocket, and answers its operations in a task of its own.
pub(super) async fn serve(
    app: App,
    peer: Peer,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
    arrived: Arrived,
) -> Response {
    if !app.origin_may_call(headers) {
        let error = "This page's origin may not open a socket here: add it to ALLOWED_ORIGINS.";
        return refuse(StatusCode::FORBIDDEN, ApiError::Forbidden(error));
    }
    let upgrade = upgrade.protocols(ALL_WEBSOCKET_PROTOCOLS);
    let Some(protocol) = Protocol::of(&upgrade).await else {
        let error = format!("Ask for the subprotocol {}.", ALL_WEBSOCKET_PROTOCOLS.join(" or "));
        return refuse(StatusCode::BAD_REQUEST, ApiError::field("sec-websocket-protocol", error));
    };
    let address = app.client_address(peer, headers);
    let client = app.client(address);
    let Some(permit) = app.sockets.open(&client) else { return too_many_sockets() };
    let held = client.held_by_socket();
    let id = RequestId::new();
    let span = tracing::error_span!("socket", id = %id.0);
    let upgrade = upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(app.max_message_bytes)
        .max_frame_size(app.max_message_bytes);
    let response_id = id.clone();
    let trace = TraceParent::of(headers);
    let response = upgrade.on_upgrade(move |socket| {
        let sockets = app.sockets.clone();
        let connection = Connection::new(socket, arrived, &held);
        let api = ClientApi::new(&app.api, client, held);
        let session = Session { app, api, protocol, address, id, _permit: permit };
        // `run` borrows, because a future keeps twice what an async function takes by value.
        let work = async move { session.run(&connection).await };
        sockets.track(trace.run(work.instrument(span)))
    });
    opened_socket(response, &response_id)
}

/// The subprotocol that was agreed on.
#[derive(Clone, Copy)]
struct Protocol {
    graphql: GraphQLProtocol,
    /// In the older subprotocol, a new operation replaces the one with the same id.
    operations_replace_each_other: bool,
}

impl Protocol {
    async fn of(upgrade: &WebSocketUpgrade) -> Option<Self> {
        let selected: HeaderValue = upgrade.selected_protocol()?.clone();
        let operations_replace_each_other = selected == GRAPHQL_WS;
        // Of several protocols, the extractor takes the client's first one, and axum takes ours. So
        // the extractor gets only the one that axum has selected.
        let request = Request::builder().header(SEC_WEBSOCKET_PROTOCOL, selected).body(()).ok()?;
        let (mut parts, ()) = request.into_parts();
        let graphql = GraphQLProtocol::from_request_parts(&mut parts, &()).await.ok()?;
        Some(Self { graphql, operations_replace_each_other })
    }
}

/// Everything that the operations of one socket need.
struct Session {
    app: App,
    api: ClientApi,
    protocol: Protocol,
    address: ClientAddress,
    id: RequestId,
    _permit: SocketPermit,
}

impl Session {
    /// Answers the socket's operations until either side ends it.
    async fn run(&self, connection: &Connection<WebSocket>) {
        let state = Arc::new(SocketState::new(
            self.app.max_subscriptions_per_socket + MAX_QUERIES,
            self.protocol.operations_replace_each_other,
        ));
        let frame = tokio::select! {
            () = self.answer_operations(connection, &state) => Some(state.close_frame()),
            frame = self.supervise(connection, &state) => frame,
        };
        if let Some(frame) = frame {
            // The client may already be gone.
            let _ = timeout(CLOSE_TIMEOUT, connection.close(frame)).await;
        }
    }

    /// Runs until async-graphql has no more messages to read or to write.
    async fn answer_operations(
        &self,
        connection: &Connection<WebSocket>,
        state: &Arc<SocketState>,
    ) {
        let (app, address, id) = (Arc::clone(&self.app), self.address, self.id.clone());
        let held = self.api.held.clone();
        let init_state = Arc::clone(state);
        GraphQLWebSocket::new_with_pair(
            connection.outgoing(state),
            connection.incoming(state, &|message| without_undeclared_variables(message, &self.api)),
            Logged(self.api.clone()),
            self.protocol.graphql,
        )
        .on_connection_init(async move |payload| {
            init_state.set_initialised();
            match viewer(&app.services.access_tokens, &payload) {
                Viewer::Rejected => {
                    init_state.refuse(close(code::FORBIDDEN, BAD_TOKEN));
                    Err(BAD_TOKEN.into())
                }
                viewer @ (Viewer::Anonymous | Viewer::User { .. }) => {
                    Ok(app.session_data(viewer, address, id, held))
                }
            }
        })
        .serve()
        .await;
    }

    /// Pings the client until the server must close the socket. Returns the close frame, or `None`
    /// if the client is gone.
    async fn supervise(
        &self,
        connection: &Connection<WebSocket>,
        state: &SocketState,
    ) -> Option<CloseFrame> {
        let SocketTimeouts { init, ping_interval } = self.app.socket_timeouts;
        let mut init_timeout = pin!(sleep(init));
        let mut waits_for_init = true;
        let mut closing = pin!(self.app.sockets.closing());
        let mut pings = interval_at(Instant::now() + ping_interval, ping_interval);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let restart = || close(code::SERVICE_RESTART, "The server is restarting: connect again.");
        loop {
            tokio::select! {
                () = &mut closing => return Some(restart()),
                () = &mut init_timeout, if waits_for_init => {
                    if !state.is_initialised() {
                        let reason = "Connection initialisation timeout";
                        return Some(close(code::INIT_TIMEOUT, reason));
                    }
                    waits_for_init = false;
                }
                _ = pings.tick() => {
                    // A client that is still there has answered the last ping.
                    if !connection.take_received_since_ping() {
                        return None;
                    }
                    let sending = connection.send(Message::Ping(Vec::new().into()));
                    tokio::select! {
                        // A client that reads so little would never be done.
                        sent = timeout(ping_interval, sending) => sent.ok()?.ok()?,
                        () = &mut closing => return Some(restart()),
                    }
                    // The client has a whole interval to answer, however long sending took.
                    pings.reset();
                }
            }
        }
    }
}

/// The viewer that the payload of `connection_init` names. Clients write the header's name in
/// either case, and some put headers one level down.
fn viewer(tokens: &AccessTokens, payload: &Value) -> Viewer {
    let header = ["Authorization", "authorization"]
        .iter()
        .flat_map(|name| [payload.get(name), payload.get("headers").and_then(|h| h.get(name))])
        .flatten()
        .next();
    // A value that is not a string counts as an invalid token.
    tokens.viewer(header.map(|header| header.as_str().unwrap_or_default()))
}
