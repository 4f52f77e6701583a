//! A WebSocket client for both subprotocols that shows every message.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error, Message, client::IntoClientRequest, handshake::client::Request, http::HeaderValue,
    },
};

/// The subprotocol of current clients.
pub(crate) const MODERN_PROTOCOL: &str = "graphql-transport-ws";
/// The subprotocol of older clients.
pub(crate) const LEGACY_PROTOCOL: &str = "graphql-ws";

/// Subscribes to the counts of the events with these ids.
pub(crate) const WATCH_COUNTS: &str =
    "subscription($ids: [ID!]) { remainingTickets(eventIds: $ids) {
    eventId remainingTickets version } }";

/// The longest wait for a message that must arrive.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    is_legacy: bool,
    last_id: u32,
}

impl Socket {
    /// Opens a socket, sends `connection_init`, and waits for `connection_ack`.
    pub(crate) async fn open(url: &str, protocol: &'static str, payload: Value) -> Self {
        let mut socket = Self::connect_without_init(url, protocol).await.unwrap();
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.next_message().await["type"], "connection_ack");
        socket
    }

    /// Opens a socket and sends nothing.
    pub(crate) async fn connect_without_init(
        url: &str,
        protocol: &'static str,
    ) -> Result<Self, Error> {
        let url = format!("{}/graphql", url.replacen("http", "ws", 1));
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
        Self::upgrade(request).await
    }

    /// Opens a socket by this request, and sends nothing.
    pub(crate) async fn upgrade(request: Request) -> Result<Self, Error> {
        let protocol = request.headers()["sec-websocket-protocol"].clone();
        let (stream, response) = connect_async(request).await?;
        assert_eq!(response.headers()["sec-websocket-protocol"], protocol);
        Ok(Self { stream, is_legacy: protocol == LEGACY_PROTOCOL, last_id: 0 })
    }

    pub(crate) fn stream(&mut self) -> &mut WebSocketStream<MaybeTlsStream<TcpStream>> {
        &mut self.stream
    }

    /// Waits until the server closes the socket. Returns the close code, if there is one.
    pub(crate) async fn close_code(mut self) -> Option<u16> {
        loop {
            match timeout(MESSAGE_TIMEOUT, self.stream.next())
                .await
                .expect("the server closes the socket in time")
            {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Starts an operation and returns its id.
    pub(crate) async fn start(&mut self, query: &str, variables: Value) -> u32 {
        self.last_id += 1;
        let kind = if self.is_legacy { "start" } else { "subscribe" };
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "type": kind, "id": self.last_id.to_string(), "payload": payload }))
            .await;
        self.last_id
    }

    /// Stops an operation.
    pub(crate) async fn stop(&mut self, id: u32) {
        let kind = if self.is_legacy { "stop" } else { "complete" };
        self.send(json!({ "type": kind, "id": id.to_string() })).await;
    }

    /// Runs an operation that has one result, and returns it.
    pub(crate) async fn run(&mut self, query: &str, variables: Value) -> Value {
        self.start(query, variables).await;
        let answer = self.next_result().await;
        assert_eq!(self.next_message().await["type"], "complete");
        answer
    }

    /// Returns the next result of any operation.
    pub(crate) async fn next_result(&mut self) -> Value {
        loop {
            let mut message = self.next_message().await;
            match message["type"].as_str().unwrap() {
                "next" | "data" | "error" => return message["payload"].take(),
                // A late message of an operation that was stopped.
                "complete" => {}
                _ => panic!("{message}"),
            }
        }
    }

    /// Returns the next result of any operation as it was sent, from its payload on.
    pub(crate) async fn text_of_next_result(&mut self) -> String {
        loop {
            let message = timeout(MESSAGE_TIMEOUT, self.stream.next()).await;
            let message = message.expect("a message arrives in time").expect("the socket is open");
            let message = message.unwrap().into_text().unwrap();
            if let Some(payload) = message.find(r#""payload""#) {
                return message[payload..].to_owned();
            }
        }
    }

    /// Returns the remaining tickets in the next result of [`WATCH_COUNTS`].
    pub(crate) async fn next_remaining_tickets(&mut self) -> i64 {
        let result = self.next_result().await;
        let count = &result["data"]["remainingTickets"]["remainingTickets"];
        count.as_i64().unwrap_or_else(|| panic!("no count: {result}"))
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.stream.send(Message::text(message.to_string())).await.unwrap();
    }

    pub(crate) async fn next_message(&mut self) -> Value {
        loop {
            let message = timeout(MESSAGE_TIMEOUT, self.stream.next())
                .await
                .expect("a message arrives in time");
            match message.expect("the socket is open").unwrap() {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["type"] != "ka" {
                        return message;
                    }
                }
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }
}
