//! Live counts: one socket for the page, watching what is shown, opened again whenever it breaks.

use std::{cell::Cell, collections::HashMap, pin::pin, time::Duration};

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
use js_sys::{Date, Math};
use leptos::{ev, prelude::*, task::spawn_local};
use rowlock_web_operations::live::{RemainingTicketsOperation, TicketUpdate, remaining_tickets};

use super::socket::Socket;
use crate::{
    backoff::{failures_after_attempt, pause_before_retry},
    ticket_count::TicketCount,
};

/// Whether counts are live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// At the start.
    Connecting,
    Live,
    /// What is shown may be old.
    Lost,
}

/// The counts that the page knows; a handle that is copied about.
#[derive(Clone, Copy)]
pub(crate) struct LiveCounts {
    counts: StoredValue<HashMap<Id, ArcRwSignal<TicketCount>>>,
    watch: StoredValue<UnboundedSender<Vec<Id>>>,
    connection: RwSignal<Connection>,
    is_watching: RwSignal<bool>,
    reconnect_count: RwSignal<u32>,
}

impl LiveCounts {
    /// Gives the handle to every component. The socket opens when something is first watched.
    pub(crate) fn provide() -> Self {
        let (watch, watched) = unbounded();
        let live = Self {
            counts: StoredValue::default(),
            watch: StoredValue::new(watch),
            connection: RwSignal::new(Connection::Connecting),
            is_watching: RwSignal::new(false),
            reconnect_count: RwSignal::new(0),
        };
        provide_context(live);
        spawn_local(live.run(watched));
        live
    }

    pub(crate) fn from_context() -> Self {
        expect_context()
    }

    /// `None` while nothing is watched.
    pub(crate) fn connection(self) -> Option<Connection> {
        self.is_watching.get().then(|| self.connection.get())
    }

    /// Grows each time the socket is back after a loss: whatever else the page shows may be old then.
    pub(crate) fn reconnect_count(self) -> u32 {
        self.reconnect_count.get()
    }

    /// Watches these events and no others.
    pub(crate) fn watch_only(self, ids: Vec<Id>) {
        self.counts.write_value().retain(|id, _| ids.contains(id));
        self.is_watching.set(!ids.is_empty());
        // Its reader lives as long as the page.
        let _ = self.watch.with_value(|watch| watch.unbounded_send(ids));
    }

    /// Takes what a query has just read. A live count is newer than any that was read.
    pub(crate) fn set_from_query(self, id: &Id, remaining: i32, total: i32) {
        let count = self.count_of(id);
        if self.connection.get_untracked() != Connection::Live || !count.get_untracked().is_live() {
            count.set(TicketCount::from_query(remaining, total));
        }
    }

    /// The event's tickets, from now on kept up to date.
    pub(crate) fn count_of(self, id: &Id) -> ArcRwSignal<TicketCount> {
        let unread = || ArcRwSignal::new(TicketCount::from_query(0, 0));
        self.counts.write_value().entry(id.clone()).or_insert_with(unread).clone()
    }

    fn apply(self, update: &TicketUpdate) {
        let count = self.counts.with_value(|counts| counts.get(&update.event_id).cloned());
        let Some(count) = count else { return };
        let mut tickets = count.get_untracked();
        tickets.apply_update(update.remaining_tickets, update.total_tickets, update.version);
        if tickets != count.get_untracked() {
            count.set(tickets);
        }
    }

    async fn run(self, mut watched: UnboundedReceiver<Vec<Id>>) {
        let mut ids = Vec::new();
        let mut failures = 0;
        loop {
            while ids.is_empty() {
                let Some(wanted) = watched.next().await else { return };
                ids = wanted;
            }
            let uptime = self.connect_once(&mut ids, &mut watched).await;
            failures = failures_after_attempt(failures, uptime);
            // At the start one try may fail before it is worth a word.
            if self.connection.get_untracked() == Connection::Live || failures > 1 {
                self.connection.set(Connection::Lost);
            }
            let pause = Delay::new(pause_before_retry(failures, Math::random()));
            future::select(pause, pin!(until_online())).await;
        }
    }

    /// Until the socket closes; says for how long it told counts.
    async fn connect_once(
        self,
        ids: &mut Vec<Id>,
        watched: &mut UnboundedReceiver<Vec<Id>>,
    ) -> Duration {
        // After what the page is busy with: it shows counts already.
        Delay::new(Duration::ZERO).await;
        let Some(mut socket) = Socket::open().await else { return Duration::ZERO };
        let mut live_since = None;
        // Begins with the current counts, so nothing is missed in between.
        socket.subscribe(subscription(ids).as_ref());
        loop {
            match future::select(watched.next(), pin!(socket.next())).await {
                Either::Left((Some(wanted), _)) => *ids = wanted,
                Either::Right((Some(update), _)) => {
                    self.apply(&update);
                    live_since.get_or_insert_with(Date::now);
                    self.mark_live();
                    continue;
                }
                Either::Left((None, _)) | Either::Right((None, _)) => {
                    let millis = live_since.map_or(0.0, |since| Date::now() - since);
                    return Duration::from_millis(millis.max(0.0) as u64);
                }
            }
            socket.subscribe(subscription(ids).as_ref());
        }
    }

    fn mark_live(self) {
        match self.connection.get_untracked() {
            Connection::Live => {}
            Connection::Connecting => self.connection.set(Connection::Live),
            Connection::Lost => {
                self.connection.set(Connection::Live);
                self.reconnect_count.update(|times| *times += 1);
            }
        }
    }
}

fn subscription(ids: &[Id]) -> Option<RemainingTicketsOperation> {
    (!ids.is_empty()).then(|| remaining_tickets(ids.to_vec()))
}

/// Until the browser says that it is online again.
async fn until_online() {
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
