//! Live counts: one socket for the page, watching what is shown, opened again whenever it breaks.

use std::{cell::Cell, collections::HashMap, future::IntoFuture, pin::pin, time::Duration};

use cynic::Id;
use futures_channel::{
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    oneshot,
};
use futures_timer::Delay;
use futures_util::{
    StreamExt,
    future::{self, Either},
};
use graphql_ws_client::{Client, Subscription, ws_stream_wasm::Connection};
use leptos::{ev, prelude::*, task::spawn_local};
use ws_stream_wasm::WsMeta;

use super::queries::live::{RemainingTicketsOperation, TicketUpdate, remaining_tickets};
use crate::{reconnect::pause_after, tickets::Tickets};

/// How often an idle socket is asked for a sign of life, so that a silent loss is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Longest wait for a socket to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether counts are live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// At the start.
    Connecting,
    Live,
    /// What is shown may be old.
    Lost,
}

/// The counts that the page knows; a handle that is copied about.
#[derive(Clone, Copy)]
pub(crate) struct LiveCounts {
    counts: StoredValue<HashMap<Id, ArcRwSignal<Tickets>>>,
    watch: StoredValue<UnboundedSender<Vec<Id>>>,
    link: RwSignal<Link>,
    is_watching: RwSignal<bool>,
    reconnections: RwSignal<u32>,
}

impl LiveCounts {
    /// Gives the handle to every component. The socket opens when something is first watched.
    pub(crate) fn provide() -> Self {
        let (watch, watched) = unbounded();
        let live = Self {
            counts: StoredValue::default(),
            watch: StoredValue::new(watch),
            link: RwSignal::new(Link::Connecting),
            is_watching: RwSignal::new(false),
            reconnections: RwSignal::new(0),
        };
        provide_context(live);
        spawn_local(live.stay_connected(watched));
        live
    }

    pub(crate) fn from_context() -> Self {
        expect_context()
    }

    /// `None` while nothing is watched.
    pub(crate) fn link(self) -> Option<Link> {
        self.is_watching.get().then(|| self.link.get())
    }

    /// Grows each time the socket is back after a loss: whatever else the page shows may be old then.
    pub(crate) fn reconnections(self) -> u32 {
        self.reconnections.get()
    }

    /// Watches these events and no others.
    pub(crate) fn watch_only(self, ids: Vec<Id>) {
        self.counts.update_value(|counts| counts.retain(|id, _| ids.contains(id)));
        self.is_watching.set(!ids.is_empty());
        // Its reader lives as long as the page.
        let _ = self.watch.with_value(|watch| watch.unbounded_send(ids));
    }

    /// Takes what a query has just read. A live count is newer than any that was read.
    pub(crate) fn read(self, id: &Id, remaining: i32, total: i32) {
        let count = self.tickets(id);
        if self.link.get_untracked() != Link::Live || !count.get_untracked().is_live() {
            count.set(Tickets::read(remaining, total));
        }
    }

    /// The event's tickets, from now on kept up to date.
    pub(crate) fn tickets(self, id: &Id) -> ArcRwSignal<Tickets> {
        let mut found = None;
        self.counts.update_value(|counts| {
            let fresh = || ArcRwSignal::new(Tickets::read(0, 0));
            found = Some(counts.entry(id.clone()).or_insert_with(fresh).clone());
        });
        found.unwrap_or_else(|| ArcRwSignal::new(Tickets::read(0, 0)))
    }

    fn apply(self, update: &TicketUpdate) {
        let count = self.counts.with_value(|counts| counts.get(&update.event_id).cloned());
        let Some(count) = count else { return };
        let mut tickets = count.get_untracked();
        tickets.apply(update.remaining_tickets, update.total_tickets, update.version);
        if tickets != count.get_untracked() {
            count.set(tickets);
        }
    }

    async fn stay_connected(self, mut watched: UnboundedReceiver<Vec<Id>>) {
        let mut ids = Vec::new();
        let mut failures = 0;
        loop {
            while ids.is_empty() {
                let Some(wanted) = watched.next().await else { return };
                ids = wanted;
            }
            let was_live = self.connect_once(&mut ids, &mut watched).await;
            if self.link.get_untracked() == Link::Live {
                self.link.set(Link::Lost);
            }
            failures = if was_live { 0 } else { failures + 1 };
            let pause = Delay::new(pause_after(failures, js_sys::Math::random()));
            future::select(pause, pin!(network_is_back())).await;
            if !was_live && failures > 1 {
                self.link.set(Link::Lost);
            }
        }
    }

    /// Until the socket closes; says whether it ever told a count.
    async fn connect_once(
        self,
        ids: &mut Vec<Id>,
        watched: &mut UnboundedReceiver<Vec<Id>>,
    ) -> bool {
        let Some(client) = connect().await else { return false };
        let was_live = Cell::new(false);
        loop {
            let mut updates = match ids.is_empty() {
                true => None,
                // Begins with the current counts, so nothing is missed in between.
                false => match client.subscribe(remaining_tickets(ids.clone())).await {
                    Ok(updates) => Some(updates),
                    Err(_) => return was_live.get(),
                },
            };
            // Until the page shows something else.
            loop {
                match future::select(watched.next(), pin!(next(&mut updates))).await {
                    Either::Left((Some(wanted), _)) => {
                        *ids = wanted;
                        break;
                    }
                    Either::Right((Some(update), _)) => {
                        self.apply(&update);
                        was_live.set(true);
                        self.set_live();
                    }
                    Either::Left((None, _)) | Either::Right((None, _)) => return was_live.get(),
                }
            }
        }
    }

    fn set_live(self) {
        match self.link.get_untracked() {
            Link::Live => {}
            Link::Connecting => self.link.set(Link::Live),
            Link::Lost => {
                self.link.set(Link::Live);
                self.reconnections.update(|times| *times += 1);
            }
        }
    }
}

/// The next update; `None` when the subscription or its socket ended. With no subscription it is never
/// there.
async fn next(
    updates: &mut Option<Subscription<RemainingTicketsOperation>>,
) -> Option<TicketUpdate> {
    match updates {
        None => future::pending().await,
        Some(updates) => Some(updates.next().await?.ok()?.data?.remaining_tickets),
    }
}

async fn connect() -> Option<Client> {
    let opening = async {
        let socket = WsMeta::connect(url(), vec!["graphql-transport-ws"]).await.ok()?;
        Client::build(Connection::new(socket).await).keep_alive_interval(KEEP_ALIVE).await.ok()
    };
    let (client, actor) = match future::select(pin!(opening), Delay::new(CONNECT_TIMEOUT)).await {
        Either::Left((opened, _)) => opened?,
        Either::Right(_) => return None,
    };
    spawn_local(actor.into_future());
    Some(client)
}

/// The socket beside the page's own address.
fn url() -> String {
    let location = location();
    let scheme = match location.protocol().as_deref() {
        Ok("https:") => "wss",
        _ => "ws",
    };
    format!("{scheme}://{}/graphql", location.host().unwrap_or_default())
}

/// Until the browser says that it is online again.
async fn network_is_back() {
    struct Listening(Option<WindowListenerHandle>);
    impl Drop for Listening {
        fn drop(&mut self) {
            if let Some(listening) = self.0.take() {
                listening.remove();
            }
        }
    }
    let (tell, is_back) = oneshot::channel();
    let tell = Cell::new(Some(tell));
    let _listening = Listening(Some(window_event_listener(ev::online, move |_| {
        if let Some(tell) = tell.take() {
            let _ = tell.send(());
        }
    })));
    let _ = is_back.await;
}
