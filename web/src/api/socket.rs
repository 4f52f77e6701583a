//! One WebSocket that speaks graphql-transport-ws, for one subscription at a time.
//!
//! Protocol: <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>

use std::{borrow::Cow, pin::pin, time::Duration};

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_timer::Delay;
use futures_util::{
    StreamExt,
    future::{self, Either},
};
use leptos::prelude::location;
use rowlock_web_operations::live::{RemainingTickets, RemainingTicketsOperation, TicketUpdate};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{MessageEvent, WebSocket};

use super::http::data_of;

/// Longest wait for a socket to open, and for any sign of life after asking for one.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may be silent before it is asked for a sign of life, so that a silent loss is noticed.
const SILENCE: Duration = Duration::from_secs(15);

/// An open socket. It closes when this is dropped.
pub(super) struct Socket {
    socket: WebSocket,
    happened: UnboundedReceiver<Happening>,
    _listeners: [Closure<dyn FnMut(MessageEvent)>; 3],
    is_subscribed: bool,
    /// The subscription's id; answers to older ones may still be on their way.
    current: u32,
}

enum Happening {
    Opened,
    Said(String),
    Closed,
}

/// What the client says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ClientMessage<'a> {
    ConnectionInit,
    Subscribe { id: &'a str, payload: &'a RemainingTicketsOperation },
    Complete { id: &'a str },
    Ping,
    Pong,
}

/// What the server says. What it says of a subscription stands in `payload`.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

impl Socket {
    /// Beside the page's own address; `None` when it can't be had.
    pub(super) async fn open() -> Option<Self> {
        let socket = WebSocket::new_with_str(&url(), "graphql-transport-ws").ok()?;
        let (tell, happened) = unbounded();
        let listeners = [
            listener(&tell, |_| Some(Happening::Opened)),
            listener(&tell, |event| event.data().as_string().map(Happening::Said)),
            listener(&tell, |_| Some(Happening::Closed)),
        ];
        let [opened, said, closed] = &listeners;
        socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(said.as_ref().unchecked_ref()));
        // An error is always followed by this.
        socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
        let mut opening =
            Self { socket, happened, _listeners: listeners, is_subscribed: false, current: 0 };
        let patience = Delay::new(PATIENCE);
        let acknowledged = match future::select(pin!(opening.acknowledged()), patience).await {
            Either::Left((acknowledged, _)) => acknowledged,
            Either::Right(_) => false,
        };
        acknowledged.then_some(opening)
    }

    async fn acknowledged(&mut self) -> bool {
        loop {
            match self.happened.next().await {
                Some(Happening::Opened) => self.say(&ClientMessage::ConnectionInit),
                Some(Happening::Said(text)) => {
                    let said = serde_json::from_str::<Message<'_>>(&text);
                    return said.is_ok_and(|message| message.r#type == "connection_ack");
                }
                Some(Happening::Closed) | None => return false,
            }
        }
    }

    /// Begins this subscription, or none, instead of the one before.
    pub(super) fn subscribe(&mut self, operation: Option<&RemainingTicketsOperation>) {
        if self.is_subscribed {
            self.say(&ClientMessage::Complete { id: &self.current.to_string() });
        }
        self.current += 1;
        self.is_subscribed = operation.is_some();
        if let Some(operation) = operation {
            let id = &self.current.to_string();
            self.say(&ClientMessage::Subscribe { id, payload: operation });
        }
    }

    /// The subscription's next update; `None` when it or the socket has ended.
    pub(super) async fn next(&mut self) -> Option<TicketUpdate> {
        let mut asked = false;
        loop {
            let patience = Delay::new(if asked { PATIENCE } else { SILENCE });
            let text = match future::select(self.happened.next(), patience).await {
                Either::Left((Some(Happening::Said(text)), _)) => text,
                Either::Left((Some(Happening::Opened), _)) => continue,
                Either::Left((Some(Happening::Closed) | None, _)) => return None,
                Either::Right(_) if asked => return None,
                Either::Right(_) => {
                    self.say(&ClientMessage::Ping);
                    asked = true;
                    continue;
                }
            };
            asked = false;
            let message: Message<'_> = serde_json::from_str(&text).ok()?;
            let ours = message.id.is_some_and(|id| *id == *self.current.to_string());
            match &*message.r#type {
                "ping" => self.say(&ClientMessage::Pong),
                "next" if ours => {
                    let data = data_of(message.payload?.get()).ok()?;
                    return Some(data.read::<RemainingTickets>().ok()?.remaining_tickets);
                }
                "error" | "complete" if ours => return None,
                _ => {}
            }
        }
    }

    fn say(&self, message: &ClientMessage<'_>) {
        if let Ok(message) = serde_json::to_string(message) {
            // It fails only on a socket that is closing, which is heard of by itself.
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
    tell: &UnboundedSender<Happening>,
    happening: impl Fn(MessageEvent) -> Option<Happening> + 'static,
) -> Closure<dyn FnMut(MessageEvent)> {
    let tell = tell.clone();
    Closure::new(move |event| {
        if let Some(happening) = happening(event) {
            // Its reader is gone only when the socket is.
            let _ = tell.unbounded_send(happening);
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
