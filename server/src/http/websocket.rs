//! GraphQL over WebSocket, in both subprotocols that clients speak: `graphql-transport-ws`, and
//! `graphql-ws` of the older ones, GraphQL Playground among them.

use async_graphql::{Data, http::ALL_WEBSOCKET_PROTOCOLS};
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use axum::{
    extract::ws::WebSocketUpgrade,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde_json::Value;
use tracing::Instrument;

use super::{App, Peer, graphql::refuse, origin_may_call};
use crate::{
    auth::AccessTokens, error::ApiError, live::graphql::FreeSubscriptions,
    rate_limit::ClientAddress, schema::RequestId,
};

/// Bytes of each of a socket's two buffers. They grow for what is larger; most messages are small, and
/// there are many sockets.
const BUFFER: usize = 1024;

pub(super) fn serve(
    app: App,
    peer: Peer,
    headers: &HeaderMap,
    protocol: Option<GraphQLProtocol>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !origin_may_call(headers, &app.allowed_origins) {
        let error = "This page's origin may not open a socket here: add it to ALLOWED_ORIGINS.";
        return refuse(StatusCode::FORBIDDEN, ApiError::Forbidden(error));
    }
    let Some(protocol) = protocol else {
        let error = format!("Ask for the subprotocol {}.", ALL_WEBSOCKET_PROTOCOLS.join(" or "));
        return refuse(StatusCode::BAD_REQUEST, ApiError::field("sec-websocket-protocol", error));
    };
    let address = ClientAddress(peer.0.ip());
    let api = app.api.clone();
    let free = FreeSubscriptions::new(app.max_subscriptions_per_socket);
    let id = RequestId::new();
    let span = tracing::info_span!("socket", id = %id.0);
    let upgrade = upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(app.max_message_bytes)
        .max_frame_size(app.max_message_bytes)
        .protocols(ALL_WEBSOCKET_PROTOCOLS);
    upgrade.on_upgrade(move |socket| {
        GraphQLWebSocket::new(socket, api, protocol)
            .on_connection_init(move |payload| async move {
                let mut data = Data::default();
                data.insert(viewer(&app.services.access_tokens, &payload));
                data.insert(address);
                data.insert(id);
                data.insert(free);
                Ok(data)
            })
            .serve()
            .instrument(span)
    })
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
