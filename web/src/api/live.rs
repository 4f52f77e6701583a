//! Live counts and edits. One socket watches the events on the page, and is opened again whenever it
//! breaks.

use std::{pin::pin, time::Duration};

use cynic::Id;
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_timer::Delay;
use futures_util::{
    StreamExt,
    future::{self, Either},
};
use js_sys::{Date, Math};
use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::live::{
    EventUpdates, RemainingTickets, TicketUpdate, event_updates, remaining_tickets,
};
use serde_json::value::to_raw_value;

use super::{
    details::LiveDetails,
    http::ResponseData,
    online::until_online,
    socket::{News, Socket, Subscriptions},
};
use crate::{
    backoff::{failures_after_attempt, pause_before_retry},
    ticket_count::TicketCount,
};

/// After this long without a connection, people are told.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(7);

/// The place of each subscription on the socket.
const COUNTS: usize = 0;
const EDITS: usize = 1;

/// Whether the counts on the page are live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Not connected yet.
    Connecting,
    Live,
    /// The connection is lost, so the counts may be out of date.
    Lost,
}

/// What the task that has the socket is told.
enum Command {
    /// Watch these events instead of those before.
    Watch(Vec<Id>),
    CheckConnection,
}

/// A `Copy` handle to the counts that the page knows.
#[derive(Clone, Copy)]
pub(crate) struct LiveCounts {
    details: LiveDetails,
    /// There are few, so they are not hashed.
    counts: StoredValue<Vec<(Id, ArcRwSignal<TicketCount>)>>,
    commands: StoredValue<UnboundedSender<Command>>,
    connection: RwSignal<Connection>,
    is_watching: RwSignal<bool>,
    reconnect_count: RwSignal<u32>,
}

impl LiveCounts {
    /// Provides the handle to all components. The socket opens when an event is first watched.
    pub(crate) fn provide() -> Self {
        let (sender, commands) = unbounded();
        let live = Self {
            details: LiveDetails::provide(),
            counts: StoredValue::default(),
            commands: StoredValue::new(sender),
            connection: RwSignal::new(Connection::Connecting),
            is_watching: RwSignal::new(false),
            reconnect_count: RwSignal::new(0),
        };
        provide_context(live);
        spawn_local(live.run(commands));
        live
    }

    pub(crate) fn from_context() -> Self {
        expect_context()
    }

    /// `None` while nothing is watched.
    pub(crate) fn connection(self) -> Option<Connection> {
        self.is_watching.get().then(|| self.connection.get())
    }

    /// How often the socket came back after a loss. Everything else on the page may be out of date
    /// then.
    pub(crate) fn reconnect_count(self) -> u32 {
        self.reconnect_count.get()
    }

    /// Watches the counts of these events instead of those before, and edits of those whose details
    /// the page knows.
    pub(crate) fn watch_only(self, ids: Vec<Id>) {
        self.watch_and_keep(ids, &[]);
    }

    /// Watches these events and no others, and keeps what is known of some that are shown without
    /// being watched.
    pub(crate) fn watch_and_keep(self, ids: Vec<Id>, kept: &[Id]) {
        let shown: Vec<Id> = ids.iter().chain(kept).cloned().collect();
        self.counts.write_value().retain(|(id, _)| shown.contains(id));
        self.details.keep_only(&shown);
        self.is_watching.set(!ids.is_empty());
        self.send(Command::Watch(ids));
    }

    /// Makes sure soon that the connection is not lost, for example after a phone was woken up.
    pub(crate) fn check_connection(self) {
        self.send(Command::CheckConnection);
    }

    fn send(self, command: Command) {
        // The receiver is never dropped, so sending can't fail.
        let _ = self.commands.with_value(|sender| sender.unbounded_send(command));
    }

    /// Stores a count that a query has read. While the socket is up, a live count is newer and
    /// stays.
    pub(crate) fn set_from_query(self, id: &Id, remaining: i32, total: i32) {
        let count = self.count_of(id);
        if self.connection.get_untracked() != Connection::Live || !count.get_untracked().is_live() {
            count.set(TicketCount::from_query(remaining, total));
        }
    }

    /// The event's count. The signal follows all later updates.
    pub(crate) fn count_of(self, id: &Id) -> ArcRwSignal<TicketCount> {
        self.known_count_of(id).unwrap_or_else(|| {
            let unread = ArcRwSignal::new(TicketCount::from_query(0, 0));
            self.counts.write_value().push((id.clone(), unread.clone()));
            unread
        })
    }

    fn known_count_of(self, id: &Id) -> Option<ArcRwSignal<TicketCount>> {
        self.counts.with_value(|counts| {
            let known = counts.iter().find(|(known, _)| known == id)?;
            Some(known.1.clone())
        })
    }

    fn apply(self, update: &TicketUpdate) {
        let Some(count) = self.known_count_of(&update.event_id) else { return };
        let tickets = TicketCount::from_update(update.remaining_tickets, update.total_tickets);
        if tickets != count.get_untracked() {
            count.set(tickets);
        }
    }

    async fn run(self, mut commands: UnboundedReceiver<Command>) {
        let mut ids = Vec::new();
        let mut failures = 0;
        loop {
            while ids.is_empty() {
                match commands.next().await {
                    Some(Command::Watch(new_ids)) => ids = new_ids,
                    Some(Command::CheckConnection) => {}
                    None => return,
                }
            }
            let uptime = self.connect_once(&mut ids, &mut commands).await;
            self.details.expect_older();
            failures = failures_after_attempt(failures, uptime);
            // At the start, one failed attempt is not reported.
            if self.connection.get_untracked() == Connection::Live || failures > 1 {
                self.connection.set(Connection::Lost);
            }
            let pause = Delay::new(pause_before_retry(failures, Math::random()));
            future::select(pause, pin!(until_online())).await;
        }
    }

    /// Connects and applies updates until the socket closes. Returns how long it delivered counts.
    async fn connect_once(
        self,
        ids: &mut Vec<Id>,
        commands: &mut UnboundedReceiver<Command>,
    ) -> Duration {
        // In a later task: the page has counts from its query, and its own work comes first.
        Delay::new(Duration::ZERO).await;
        let Some(mut socket) = self.open().await else { return Duration::ZERO };
        let mut live_since = None;
        // The state before this socket was silent for too long.
        let mut before_silence = None;
        // Subscriptions begin with the current counts and with events that were edited, so no change
        // in between is missed.
        socket.subscribe(self.subscriptions(ids));
        loop {
            let next = match future::select(commands.next(), pin!(socket.next())).await {
                Either::Left((command, _)) => Either::Left(command),
                Either::Right((news, _)) => Either::Right(news),
            };
            match next {
                Either::Left(Some(Command::Watch(new_ids))) => *ids = new_ids,
                Either::Left(Some(Command::CheckConnection)) => {
                    socket.ping();
                    continue;
                }
                Either::Right(News::Data(COUNTS, data)) if self.apply_count(&data) => {
                    live_since.get_or_insert_with(Date::now);
                    let before = before_silence.take();
                    self.mark_live(before.unwrap_or_else(|| self.connection.get_untracked()));
                    continue;
                }
                Either::Right(News::Data(EDITS, data)) if self.apply_edit(&data) => continue,
                Either::Right(News::Overdue) => {
                    before_silence.get_or_insert_with(|| self.connection.get_untracked());
                    self.connection.set(Connection::Lost);
                    continue;
                }
                Either::Right(News::Answering) => {
                    // Before the first update, only that says that the counts are live.
                    if live_since.is_some() {
                        before_silence = None;
                        self.connection.set(Connection::Live);
                    }
                    continue;
                }
                // Data that can't be read comes from another version of the server.
                Either::Left(None) | Either::Right(News::Data(..) | News::Ended) => {
                    let millis = live_since.map_or(0.0, |since| Date::now() - since);
                    return Duration::from_millis(millis.max(0.0) as u64);
                }
            }
            socket.subscribe(self.subscriptions(ids));
        }
    }

    fn subscriptions(self, ids: &[Id]) -> Subscriptions {
        let known = self.details.revisions(ids);
        let mut subscriptions = Subscriptions::default();
        // Strings and numbers can always be serialized.
        if !ids.is_empty() {
            subscriptions[COUNTS] = to_raw_value(&remaining_tickets(ids.to_vec())).ok();
        }
        if !known.is_empty() {
            subscriptions[EDITS] = to_raw_value(&event_updates(known)).ok();
        }
        subscriptions
    }

    fn apply_count(self, data: &ResponseData) -> bool {
        let update = data.parse::<RemainingTickets>();
        update.map(|update| self.apply(&update.remaining_tickets)).is_ok()
    }

    fn apply_edit(self, data: &ResponseData) -> bool {
        let edited = data.parse::<EventUpdates>();
        edited.map(|edited| self.details.apply(&edited.event_updates)).is_ok()
    }

    /// Opens a socket, and tells people if that takes long.
    async fn open(self) -> Option<Socket> {
        match future::select(pin!(Socket::open(None)), Delay::new(CONNECTION_TIMEOUT)).await {
            Either::Left((socket, _)) => socket,
            Either::Right(((), opening)) => {
                self.connection.set(Connection::Lost);
                opening.await
            }
        }
    }

    /// The counts are live. After a silence on a socket that did not break, nothing was missed, so
    /// `before` is the state before the silence.
    fn mark_live(self, before: Connection) {
        if self.connection.get_untracked() != Connection::Live {
            self.connection.set(Connection::Live);
        }
        if before == Connection::Lost {
            self.reconnect_count.update(|count| *count += 1);
        }
    }
}
