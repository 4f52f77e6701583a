//! A WebSocket that speaks graphql-transport-ws, with the subscriptions of one page at a time.
//!
//! Protocol: <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>

use std::{borrow::Cow, pin::pin, time::Duration};

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_timer::Delay;
use futures_util::{
    StreamExt,
    future::{self, Either},
};
use leptos::prelude::{document, location};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{MessageEvent, WebSocket};

use super::http::{ResponseData, parse_response};

/// How long a socket may take to open.
const OPENING_TIMEOUT: Duration = Duration::from_secs(10);
/// After this silence the client sends a ping, to notice a connection that was lost without a word.
const PING_AFTER_SILENCE: Duration = Duration::from_secs(6);
/// The same while nobody sees the page.
const PING_AFTER_SILENCE_IF_HIDDEN: Duration = Duration::from_secs(25);
/// How long the server may take to send any message after a ping, until people are told. They should
/// see within ten seconds that a server hangs.
const PONG_TIMEOUT: Duration = Duration::from_secs(3);
/// How much longer it may then take until the connection is given up. It would be opened again, and
/// a busy server should not have that work, too.
const OVERDUE_TIMEOUT: Duration = Duration::from_secs(6);

/// An open socket. Dropping it closes the connection.
pub(super) struct Socket {
    socket: WebSocket,
    events: UnboundedReceiver<SocketEvent>,
    _listeners: [Closure<dyn FnMut(MessageEvent)>; 3],
    /// The ids of the current subscriptions. Messages for earlier ones may still arrive.
    ids: [Option<String>; 2],
    last_id: u32,
    silence: Silence,
}

/// What a page watches: operations in JSON. News say at which place an operation is.
pub(super) type Subscriptions = [Option<Box<RawValue>>; 2];

/// How far the client has noticed that the server sends nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// The client has sent no ping since the last message.
    Normal,
    /// The client has sent a ping, and the server has sent nothing since.
    SincePing,
    /// The server has sent nothing since a ping, for so long that people were told.
    Overdue,
}

/// A report of the socket.
pub(super) enum News {
    /// Data of the subscription at this place.
    Data(usize, ResponseData),
    /// The server does not answer; the connection may be lost.
    Overdue,
    /// The server answers again.
    Answering,
    /// A subscription or the socket has ended.
    Ended,
}

enum SocketEvent {
    Opened,
    Message(String),
    Closed,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ClientMessage<'a> {
    ConnectionInit {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Credentials<'a>>,
    },
    Subscribe {
        id: &'a str,
        payload: &'a RawValue,
    },
    Complete {
        id: &'a str,
    },
    Ping,
    Pong,
}

#[derive(Serialize)]
struct Credentials<'a> {
    authorization: &'a str,
}

/// A message of the server; a subscription's data is in `payload`.
#[derive(Deserialize)]
struct ServerMessage<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

impl Socket {
    /// Connects to the page's own server, as somebody or as nobody: `authorization` is as in the
    /// header of that name. `None` if that fails.
    pub(super) async fn open(authorization: Option<&str>) -> Option<Self> {
        let socket = WebSocket::new_with_str(&url(), "graphql-transport-ws").ok()?;
        let (sender, events) = unbounded();
        let listeners = [
            listener(&sender, |_| Some(SocketEvent::Opened)),
            listener(&sender, |event| event.data().as_string().map(SocketEvent::Message)),
            listener(&sender, |_| Some(SocketEvent::Closed)),
        ];
        let [opened, received, closed] = &listeners;
        socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(received.as_ref().unchecked_ref()));
        // An error is always followed by a close.
        socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
        let mut opening = Self {
            socket,
            events,
            _listeners: listeners,
            ids: [None, None],
            last_id: 0,
            silence: Silence::Normal,
        };
        let timeout = Delay::new(OPENING_TIMEOUT);
        let acknowledged =
            match future::select(pin!(opening.acknowledged(authorization)), timeout).await {
                Either::Left((acknowledged, _)) => acknowledged,
                Either::Right(_) => false,
            };
        acknowledged.then_some(opening)
    }

    /// Waits for the server's answer to `connection_init`.
    async fn acknowledged(&mut self, authorization: Option<&str>) -> bool {
        loop {
            match self.events.next().await {
                Some(SocketEvent::Opened) => {
                    let payload = authorization.map(|authorization| Credentials { authorization });
                    self.send(&ClientMessage::ConnectionInit { payload });
                }
                Some(SocketEvent::Message(text)) => {
                    let received = serde_json::from_str::<ServerMessage<'_>>(&text);
                    return received.is_ok_and(|message| message.r#type == "connection_ack");
                }
                Some(SocketEvent::Closed) | None => return false,
            }
        }
    }

    /// Replaces the current subscriptions by these.
    pub(super) fn subscribe(&mut self, subscriptions: Subscriptions) {
        for id in std::mem::take(&mut self.ids).into_iter().flatten() {
            self.send(&ClientMessage::Complete { id: &id });
        }
        self.ids = subscriptions.map(|operation| Some(self.start(&operation?)));
    }

    /// Starts a subscription and returns its id.
    fn start(&mut self, operation: &RawValue) -> String {
        self.last_id += 1;
        let id = self.last_id.to_string();
        self.send(&ClientMessage::Subscribe { id: &id, payload: operation });
        id
    }

    /// Asks the server for a sign of life.
    pub(super) fn ping(&mut self) {
        self.send(&ClientMessage::Ping);
        if self.silence == Silence::Normal {
            self.silence = Silence::SincePing;
        }
    }

    /// Waits for news of the subscriptions and of the connection.
    pub(super) async fn next(&mut self) -> News {
        loop {
            let timeout = Delay::new(match self.silence {
                Silence::Normal if document().hidden() => PING_AFTER_SILENCE_IF_HIDDEN,
                Silence::Normal => PING_AFTER_SILENCE,
                Silence::SincePing => PONG_TIMEOUT,
                Silence::Overdue => OVERDUE_TIMEOUT,
            });
            let text = match future::select(self.events.next(), timeout).await {
                Either::Left((Some(SocketEvent::Message(text)), _)) => text,
                Either::Left((Some(SocketEvent::Opened), _)) => continue,
                Either::Left((Some(SocketEvent::Closed) | None, _)) => return News::Ended,
                Either::Right(_) => match self.silence {
                    Silence::Normal => {
                        self.ping();
                        continue;
                    }
                    Silence::SincePing => {
                        self.silence = Silence::Overdue;
                        return News::Overdue;
                    }
                    Silence::Overdue => return News::Ended,
                },
            };
            let was_overdue =
                std::mem::replace(&mut self.silence, Silence::Normal) == Silence::Overdue;
            match self.news_in(&text) {
                Some(news) => return news,
                None if was_overdue => return News::Answering,
                None => {}
            }
        }
    }

    /// What a message says about the current subscriptions, if anything.
    fn news_in(&self, text: &str) -> Option<News> {
        let Ok(message) = serde_json::from_str::<ServerMessage<'_>>(text) else {
            return Some(News::Ended);
        };
        let has_id =
            |id: &Option<String>| message.id.is_some() && message.id.as_deref() == id.as_deref();
        let place = self.ids.iter().position(has_id);
        match (&*message.r#type, place) {
            ("ping", _) => {
                self.send(&ClientMessage::Pong);
                None
            }
            ("next", Some(place)) => {
                let data = message.payload.and_then(|data| parse_response(data.get()).ok());
                Some(data.map_or(News::Ended, |data| News::Data(place, data)))
            }
            ("error" | "complete", Some(_)) => Some(News::Ended),
            _ => None,
        }
    }

    fn send(&self, message: &ClientMessage<'_>) {
        if let Ok(message) = serde_json::to_string(message) {
            // It fails only on a closing socket, and `Closed` follows.
            let _ = self.socket.send_with_str(&message);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

fn listener(
    sender: &UnboundedSender<SocketEvent>,
    to_event: impl Fn(MessageEvent) -> Option<SocketEvent> + 'static,
) -> Closure<dyn FnMut(MessageEvent)> {
    let sender = sender.clone();
    Closure::new(move |event| {
        if let Some(event) = to_event(event) {
            // It fails only after the socket was dropped.
            let _ = sender.unbounded_send(event);
        }
    })
}

fn url() -> String {
    let location = location();
    let scheme = match location.protocol().as_deref() {
        Ok("https:") => "wss",
        _ => "ws",
    };
    format!("{scheme}://{}/graphql", location.host().unwrap_or_default())
}
