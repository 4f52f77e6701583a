//! A subscription over its own WebSocket, as a page in a browser opens it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use cynic::SubscriptionBuilder;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    net::{TcpSocket, TcpStream, lookup_host},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message, client::IntoClientRequest, http::HeaderValue, protocol::WebSocketConfig,
    },
};

use crate::queries::{RemainingTickets, RemainingTicketsVariables, TicketUpdate};

/// For the connection, and for the server's `connection_ack`.
const ACK_TIMEOUT: Duration = Duration::from_secs(30);
/// Small, as each of thousands of sockets has two buffers.
const BUFFER_BYTES: usize = 2 * 1024;
/// Number of addresses that sockets come from in turn. A server gives one address at most half of its
/// connections.
const ADDRESS_COUNT: u8 = 8;

static NEXT_ADDRESS: AtomicU8 = AtomicU8::new(0);

/// The live counts of some events, over the subprotocol graphql-transport-ws.
pub(crate) struct Subscription {
    stream: WebSocketStream<TcpStream>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ServerMessage {
    ConnectionAck,
    Next {
        payload: Payload,
    },
    Ping,
    /// `pong`, `error` or `complete`.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Payload {
    data: Option<RemainingTickets>,
}

/// Connects. Over IPv4, each connection comes from the next of this machine's loopback addresses.
async fn connect(authority: &str) -> Result<TcpStream> {
    let mut found = lookup_host(authority).await?;
    let Some(server) = found.find(SocketAddr::is_ipv4) else {
        return Ok(TcpStream::connect(authority).await?);
    };
    let number = NEXT_ADDRESS.fetch_add(1, Ordering::Relaxed) % ADDRESS_COUNT;
    let socket = TcpSocket::new_v4()?;
    // Where a system has only the first address, all come from that one.
    let _ = socket.bind((Ipv4Addr::new(127, 0, 0, 1 + number), 0).into());
    Ok(socket.connect(server).await?)
}

impl Subscription {
    /// Connects to the server at `authority`, such as `127.0.0.1:8080`.
    pub(crate) async fn open(authority: &str, events: Vec<cynic::Id>) -> Result<Self> {
        let stream = connect(authority).await.context("connecting to the server")?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{authority}/graphql").into_client_request()?;
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(BUFFER_BYTES)
            .max_write_buffer_size(1024 * 1024);
        let opening = client_async_with_config(request, stream, Some(config));
        let (stream, _) = timeout(ACK_TIMEOUT, opening).await?.context("opening a WebSocket")?;
        let mut socket = Self { stream };
        socket.send(&json!({ "type": "connection_init" })).await?;
        match timeout(ACK_TIMEOUT, socket.receive()).await? {
            Some(ServerMessage::ConnectionAck) => {}
            _ => bail!("the server did not acknowledge the connection"),
        }
        let variables = RemainingTicketsVariables { event_ids: Some(events) };
        let operation = RemainingTickets::build(variables);
        socket.send(&json!({ "type": "subscribe", "id": "1", "payload": operation })).await?;
        Ok(socket)
    }

    /// The next count, or `None` after the socket was closed or the subscription ended.
    pub(crate) async fn next(&mut self) -> Option<TicketUpdate> {
        loop {
            match self.receive().await? {
                ServerMessage::Next { payload } => return Some(payload.data?.remaining_tickets),
                ServerMessage::Ping => self.send(&json!({ "type": "pong" })).await.ok()?,
                ServerMessage::ConnectionAck => {}
                ServerMessage::Other => return None,
            }
        }
    }

    async fn send(&mut self, message: &serde_json::Value) -> Result<()> {
        Ok(self.stream.send(Message::text(message.to_string())).await?)
    }

    async fn receive(&mut self) -> Option<ServerMessage> {
        loop {
            match self.stream.next().await?.ok()? {
                Message::Text(text) => return serde_json::from_str(&text).ok(),
                Message::Close(_) => return None,
                // The library answers the WebSocket protocol's own pings.
                _ => {}
            }
        }
    }
}
