//! Adapters around a socket: the stream and the sink that async-graphql-axum reads and writes.

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, ready},
};

use axum::{
    Error,
    extract::ws::{CloseFrame, Message},
};
use futures_util::{Sink, SinkExt, Stream, StreamExt, future::poll_fn};
use parking_lot::Mutex;

use super::{
    broken_frame::close_after,
    close::{close, code},
    large_messages::Smaller,
    socket_state::SocketState,
};
use crate::{
    http::arrived::Arrived,
    limits::{HeldBytes, Hold, HoldsTooMuch},
};

/// What a client's ping or pong has besides its payload: a header and a mask.
const CONTROL_FRAME_BYTES: usize = 6;

/// A socket that its adapters share. All of them run in one task, so nobody ever waits for the
/// lock: it only lets the adapters use the socket in turn.
#[derive(Debug)]
pub(super) struct Connection<S> {
    socket: Mutex<S>,
    /// Whether the client has sent anything since the last ping.
    received_since_ping: AtomicBool,
    /// Whether an answer to a ping may wait to be written. Nothing more is read before it is.
    must_flush: AtomicBool,
    /// The bytes of unfinished messages, and the buffers that they leave.
    unfinished: Mutex<Unfinished>,
    /// Whether nothing more is read: the client has sent too much, or what can't be read.
    stops_reading: AtomicBool,
    /// The bytes that wait to be written.
    unwritten: Mutex<Option<Hold>>,
    held: HeldBytes,
}

#[derive(Debug)]
struct Unfinished {
    arrived: Arrived,
    /// The number of bytes that had arrived when the last message was complete.
    complete: usize,
    hold: Hold,
}

impl Unfinished {
    /// Everything that has arrived is a part of complete messages.
    fn is_complete(&mut self) {
        self.complete = self.arrived.bytes();
    }

    /// A frame between messages, or between the parts of one, is no part of a message.
    fn leave_out(&mut self, payload: &[u8]) {
        self.complete += payload.len() + CONTROL_FRAME_BYTES;
    }

    /// Counts what has arrived since the last message.
    fn count(&mut self) -> Result<(), HoldsTooMuch> {
        self.hold.grow_to(self.arrived.bytes().saturating_sub(self.complete))
    }
}

/// A WebSocket as the adapters see it.
pub(super) trait Socket:
    Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin + Send
{
}

impl<S> Socket for S where
    S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin + Send
{
}

impl<S: Socket> Connection<S> {
    /// `held` counts what the socket holds.
    pub(super) fn new(socket: S, arrived: Arrived, held: &HeldBytes) -> Self {
        let complete = arrived.bytes();
        Self {
            socket: Mutex::new(socket),
            received_since_ping: AtomicBool::new(true),
            must_flush: AtomicBool::new(false),
            unfinished: Mutex::new(Unfinished { arrived, complete, hold: held.hold_anyway(0) }),
            stops_reading: AtomicBool::new(false),
            unwritten: Mutex::new(None),
            held: held.clone(),
        }
    }

    /// Writes what waits to be written.
    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let result = ready!(self.socket.lock().poll_flush_unpin(cx));
        self.must_flush.store(false, Ordering::Relaxed);
        *self.unwritten.lock() = None;
        Poll::Ready(result)
    }

    /// The messages that async-graphql may process, some of them made smaller. The stream ends when
    /// the socket ends, or at the first message that is not admitted.
    pub(super) fn incoming<'a>(
        &'a self,
        state: &'a SocketState,
        make_smaller: MakeSmaller<'a>,
    ) -> Incoming<'a, S> {
        Incoming { connection: self, state, make_smaller, is_over: false }
    }

    /// The sink for async-graphql's messages.
    pub(super) fn outgoing<'a>(&'a self, state: &'a SocketState) -> Outgoing<'a, S> {
        Outgoing { connection: self, state: Some(state) }
    }

    /// Whether the client has sent anything since the last call.
    pub(super) fn take_received_since_ping(&self) -> bool {
        self.received_since_ping.swap(false, Ordering::Relaxed)
    }

    /// Sends a message of the server's own.
    pub(super) async fn send(&self, message: Message) -> Result<(), Error> {
        Outgoing { connection: self, state: None }.send(message).await
    }

    /// Closes the socket, and reads until the client has answered. If bytes were left unread, the
    /// connection would be reset, and the client might never see the close frame. So what follows
    /// something that can't be read, or a close frame, is discarded.
    pub(super) async fn close(&self, frame: CloseFrame) {
        self.unfinished.lock().arrived.discard_rest();
        let is_sent = self.send(Message::Close(Some(frame))).await.is_ok();
        if is_sent && !self.stops_reading.load(Ordering::Relaxed) {
            while let Some(Ok(_)) = poll_fn(|cx| self.socket.lock().poll_next_unpin(cx)).await {}
        }
    }
}

/// Makes a message smaller, if it can be.
pub(super) type MakeSmaller<'a> = &'a (dyn Fn(&[u8]) -> Smaller + Send + Sync);

pub(super) struct Incoming<'a, S> {
    connection: &'a Connection<S>,
    state: &'a SocketState,
    make_smaller: MakeSmaller<'a>,
    is_over: bool,
}

impl<S: Socket> Stream for Incoming<'_, S> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let connection = self.connection;
        loop {
            // A client that reads no answers to its pings may send no more.
            if connection.must_flush.load(Ordering::Relaxed)
                && ready!(connection.poll_flush(cx)).is_err()
            {
                break;
            }
            let polled = connection.socket.lock().poll_next_unpin(cx);
            if let Err(error) = connection.unfinished.lock().count() {
                let reason = format!("The server may hold no more than {} bytes", error.max);
                self.state.refuse(close(code::TOO_MANY_OPERATIONS, &reason));
                connection.stops_reading.store(true, Ordering::Relaxed);
                break;
            }
            let mut message = match ready!(polled) {
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    if let Some(frame) = close_after(error) {
                        self.state.refuse(frame);
                        connection.stops_reading.store(true, Ordering::Relaxed);
                    }
                    break;
                }
                None => break,
            };
            if let Message::Text(_) | Message::Binary(_) = &message {
                match (self.make_smaller)(&message.clone().into_data()) {
                    Smaller::Same => {}
                    Smaller::Without(smaller) => message = Message::Text(smaller.into()),
                    Smaller::TooManyValues(max) => {
                        let reason = format!("A variable has more than {max} values");
                        self.state.refuse(close(code::TOO_MANY_OPERATIONS, &reason));
                        break;
                    }
                }
            }
            connection.received_since_ping.store(true, Ordering::Relaxed);
            let is_admitted = match &message {
                Message::Text(text) => self.state.admit(text.as_bytes()),
                Message::Binary(bytes) => self.state.admit(bytes),
                // axum answers pings and close frames.
                Message::Ping(payload) => {
                    connection.unfinished.lock().leave_out(payload);
                    connection.must_flush.store(true, Ordering::Relaxed);
                    continue;
                }
                Message::Pong(payload) => {
                    connection.unfinished.lock().leave_out(payload);
                    continue;
                }
                Message::Close(_) => {
                    connection.must_flush.store(true, Ordering::Relaxed);
                    continue;
                }
            };
            connection.unfinished.lock().is_complete();
            if !is_admitted {
                break;
            }
            return Poll::Ready(Some(Ok(message)));
        }
        self.is_over = true;
        Poll::Ready(None)
    }
}

#[derive(Debug)]
pub(super) struct Outgoing<'a, S> {
    connection: &'a Connection<S>,
    /// Takes note of async-graphql's messages; `None` for the server's own.
    state: Option<&'a SocketState>,
}

impl<S: Socket> Sink<Message> for Outgoing<'_, S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.connection.socket.lock().poll_ready_unpin(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let connection = self.connection;
        if let Some(state) = self.state {
            match &message {
                Message::Text(text) if !state.may_send(text) => return Ok(()),
                Message::Text(text) => {
                    *connection.unwritten.lock() = Some(connection.held.hold_anyway(text.len()));
                }
                Message::Close(frame) => {
                    // The session closes the socket with the frame that the state holds.
                    state.refuse_with_library_frame(frame.as_ref());
                    return Ok(());
                }
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => {}
            }
        }
        connection.socket.lock().start_send_unpin(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.connection.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.connection.socket.lock().poll_close_unpin(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::http::websocket::unreadable::UNREADABLE_PAYLOAD;

    /// A socket whose client has sent everything already.
    #[derive(Default)]
    struct FakeSocket {
        from_client: VecDeque<Message>,
        to_client: Vec<Message>,
    }

    impl Stream for FakeSocket {
        type Item = Result<Message, Error>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.from_client.pop_front().map(Ok))
        }
    }

    impl Sink<Message> for FakeSocket {
        type Error = Error;

        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            Poll::Ready(Ok(()))
        }

        fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
            self.to_client.push(message);
            Ok(())
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            Poll::Ready(Ok(()))
        }
    }

    fn connection(from_client: impl IntoIterator<Item = Message>) -> Connection<FakeSocket> {
        let from_client = from_client.into_iter().collect();
        let socket = FakeSocket { from_client, ..FakeSocket::default() };
        Connection::new(socket, Arrived::default(), &HeldBytes::new(1_000_000))
    }

    fn subscribe(id: &str) -> Message {
        Message::Text(format!(r#"{{"type":"subscribe","id":"{id}","payload":{{}}}}"#).into())
    }

    #[tokio::test]
    async fn the_library_gets_admitted_messages_only_and_none_after_a_refused_one() {
        let ping = Message::Ping(Vec::new().into());
        let messages = [ping, subscribe("a"), subscribe("a"), subscribe("b")];
        let (connection, state) = (connection(messages), SocketState::new(9, false));
        let mut incoming = connection.incoming(&state, &|_| Smaller::Same);
        let first = incoming.next().await.unwrap().unwrap();
        assert_eq!(first, subscribe("a"));
        assert!(incoming.next().await.is_none(), "its id is taken");
        assert!(incoming.next().await.is_none());
        assert_eq!(state.close_frame().code, code::SUBSCRIBER_EXISTS);
    }

    #[tokio::test]
    async fn any_frame_of_the_client_counts_as_received() {
        let (connection, state) =
            (connection([Message::Pong(Vec::new().into())]), SocketState::new(9, false));
        assert!(connection.take_received_since_ping(), "a new socket counts as active");
        assert!(!connection.take_received_since_ping());
        assert!(connection.incoming(&state, &|_| Smaller::Same).next().await.is_none());
        assert!(connection.take_received_since_ping());
    }

    #[tokio::test]
    async fn the_librarys_close_frame_is_kept_for_the_end() {
        let (connection, state) = (connection([]), SocketState::new(1, false));
        let mut outgoing = connection.outgoing(&state);
        assert!(state.admit(br#"{"type":"subscribe","id":"a","payload":{}}"#));
        let complete = Message::Text(r#"{"type":"complete","id":"a"}"#.into());
        outgoing.send(complete.clone()).await.unwrap();
        assert!(state.admit(br#"{"type":"subscribe","id":"b","payload":{}}"#), "a has made room");
        let frame = CloseFrame { code: 1002, reason: "x".into() };
        outgoing.send(Message::Close(Some(frame))).await.unwrap();
        assert_eq!(connection.socket.lock().to_client, std::slice::from_ref(&complete));

        connection.close(state.close_frame()).await;
        let translated = CloseFrame { code: code::BAD_REQUEST, reason: UNREADABLE_PAYLOAD.into() };
        let sent = [complete, Message::Close(Some(translated))];
        assert_eq!(connection.socket.lock().to_client, sent);
    }
}
