//! Passes counts from where they change to whoever watches, in this process.
//!
//! Nothing queues: a watched event has one latest count, and whoever is slow finds that one when
//! they next look. A count's version decides which of two is newer, so the order in which counts
//! arrive does not matter.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{Stream, StreamExt, stream};
use rowlock_entities::{EventId, event};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

/// An event's tickets at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketCount {
    pub event_id: EventId,
    pub remaining: i32,
    pub total: i32,
    /// Grows with every change of this event's count: a lower one is older.
    pub version: i64,
}

impl TicketCount {
    #[must_use]
    pub fn of(event: &event::Model) -> Self {
        Self {
            event_id: event.id,
            remaining: event.remaining_tickets,
            total: event.total_tickets,
            version: event.count_version,
        }
    }
}

/// Where counts are published and watched. Clones are the same hub.
#[derive(Clone, Debug, Default)]
pub struct Hub {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    /// The number of the last entry in the log; wakes those who watch all events.
    last_change: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// The events that somebody watches by name.
    watched: HashMap<EventId, watch::Sender<Option<TicketCount>>>,
    /// How many watch all events. The log is kept only for them.
    watching_all: usize,
    log: Log,
}

impl State {
    fn inform(&self, count: TicketCount) {
        if let Some(latest) = self.watched.get(&count.event_id) {
            latest.send_if_modified(|known| {
                let newer = known.is_none_or(|known| known.version < count.version);
                if newer {
                    *known = Some(count);
                }
                newer
            });
        }
    }
}

/// The latest change of each event, in the order they came. A watcher of all events needs no queue
/// of its own, only the number of the last change that it saw.
#[derive(Debug, Default)]
struct Log {
    last: u64,
    changes: BTreeMap<u64, TicketCount>,
    number_of: HashMap<EventId, u64>,
}

impl Log {
    fn record(&mut self, count: TicketCount) {
        match self.number_of.entry(count.event_id) {
            Entry::Occupied(mut entry) => {
                let number = *entry.get();
                if self.changes.get(&number).is_some_and(|known| known.version >= count.version) {
                    return;
                }
                self.changes.remove(&number);
                self.last += 1;
                entry.insert(self.last);
            }
            Entry::Vacant(entry) => {
                self.last += 1;
                entry.insert(self.last);
            }
        }
        self.changes.insert(self.last, count);
    }

    fn clear(&mut self) {
        self.changes.clear();
        self.number_of.clear();
    }
}

impl Hub {
    /// Passes changed counts on to those who watch. Older ones than are known are dropped.
    pub fn publish(&self, counts: impl IntoIterator<Item = TicketCount>) {
        let mut state = self.state();
        for count in counts {
            state.inform(count);
            if state.watching_all > 0 {
                state.log.record(count);
            }
        }
        let last = state.log.last;
        drop(state);
        self.inner.last_change.send_if_modified(|known| {
            let newer = *known < last;
            *known = (*known).max(last);
            newer
        });
    }

    /// Passes on counts that were read, and need not have changed, to those who watch these events
    /// by name.
    pub(crate) fn inform(&self, counts: impl IntoIterator<Item = TicketCount>) {
        let state = self.state();
        counts.into_iter().for_each(|count| state.inform(count));
    }

    /// Begins to watch these events. Read and `inform` of their current counts after this, and none is
    /// missed in between.
    pub(crate) fn watch(&self, events: impl IntoIterator<Item = EventId>) -> Watch {
        let mut state = self.state();
        let receivers = events
            .into_iter()
            .map(|id| {
                let sender = state.watched.entry(id).or_insert_with(|| watch::Sender::new(None));
                (id, sender.subscribe())
            })
            .collect();
        Watch { hub: self.clone(), receivers }
    }

    /// Every change of any event from now on, each event's latest.
    pub(crate) fn watch_all(&self) -> impl Stream<Item = TicketCount> + Send + use<> {
        let mut state = self.state();
        state.watching_all += 1;
        let seen = state.log.last;
        drop(state);
        let watcher =
            WatchAll { hub: self.clone(), wakes: self.inner.last_change.subscribe(), seen };
        stream::unfold(watcher, |mut watcher| async move {
            let changes = watcher.next_changes().await?;
            Some((stream::iter(changes), watcher))
        })
        .flatten()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half-way through a change.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watch over some events, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    hub: Hub,
    receivers: Vec<(EventId, watch::Receiver<Option<TicketCount>>)>,
}

impl Watch {
    /// The latest known count of each event, then every later one; in between, slow readers skip.
    pub(crate) fn into_stream(mut self) -> impl Stream<Item = TicketCount> + Send {
        let streams = std::mem::take(&mut self.receivers).into_iter().map(|(id, receiver)| {
            let watched = Watched { hub: self.hub.clone(), id };
            WatchStream::new(receiver).filter_map(move |count| {
                // Held until the stream ends.
                let _ = &watched;
                std::future::ready(count)
            })
        });
        stream::select_all(streams)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for (id, receiver) in self.receivers.drain(..) {
            drop(receiver);
            self.hub.forget_unwatched(id);
        }
    }
}

/// Forgets an event when its last watcher goes.
#[derive(Debug)]
struct Watched {
    hub: Hub,
    id: EventId,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.hub.forget_unwatched(self.id);
    }
}

impl Hub {
    fn forget_unwatched(&self, id: EventId) {
        if let Entry::Occupied(entry) = self.state().watched.entry(id)
            && entry.get().receiver_count() == 0
        {
            entry.remove();
        }
    }
}

/// One who watches all events.
#[derive(Debug)]
struct WatchAll {
    hub: Hub,
    wakes: watch::Receiver<u64>,
    seen: u64,
}

impl WatchAll {
    /// Most changes taken at once, so that the lock is held briefly.
    const MOST: usize = 256;

    async fn next_changes(&mut self) -> Option<Vec<TicketCount>> {
        loop {
            self.wakes.borrow_and_update();
            let changes: Vec<(u64, TicketCount)> = {
                let state = self.hub.state();
                state
                    .log
                    .changes
                    .range(self.seen + 1..)
                    .take(Self::MOST)
                    .map(|(n, c)| (*n, *c))
                    .collect()
            };
            if let Some((number, _)) = changes.last() {
                self.seen = *number;
                return Some(changes.into_iter().map(|(_, count)| count).collect());
            }
            self.wakes.changed().await.ok()?;
        }
    }
}

impl Drop for WatchAll {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        state.watching_all -= 1;
        if state.watching_all == 0 {
            state.log.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn count(event_id: EventId, version: i64) -> TicketCount {
        TicketCount {
            event_id,
            remaining: 10 - i32::try_from(version).unwrap(),
            total: 10,
            version,
        }
    }

    #[tokio::test]
    async fn a_watcher_sees_the_current_count_first_and_then_the_latest() {
        let (hub, event) = (Hub::default(), EventId::new());
        let watch = hub.watch([event]);
        hub.publish([count(event, 3)]);
        let mut stream = watch.into_stream();
        assert_eq!(stream.next().await, Some(count(event, 3)));
        assert_eq!(stream.next().now_or_never(), None);
        hub.publish([count(event, 4)]);
        hub.publish([count(event, 5)]);
        assert_eq!(stream.next().await, Some(count(event, 5)), "a slow reader skips 4");
        assert_eq!(stream.next().now_or_never(), None);
    }

    #[tokio::test]
    async fn an_older_count_that_arrives_later_is_dropped() {
        let (hub, event) = (Hub::default(), EventId::new());
        let mut some = hub.watch([event]).into_stream();
        let mut all = Box::pin(hub.watch_all());
        hub.publish([count(event, 5)]);
        assert_eq!(some.next().await, Some(count(event, 5)));
        assert_eq!(all.next().await, Some(count(event, 5)));
        hub.publish([count(event, 4), count(event, 5)]);
        assert_eq!(some.next().now_or_never(), None);
        assert_eq!(all.next().now_or_never(), None);
    }

    #[tokio::test]
    async fn a_watcher_of_all_events_sees_each_ones_latest_in_order() {
        let hub = Hub::default();
        let events: Vec<EventId> = (0..1000).map(|_| EventId::new()).collect();
        hub.publish([count(events[0], 1)]);
        let mut all = Box::pin(hub.watch_all());
        assert_eq!(all.next().now_or_never(), None, "what was before is not a change");
        hub.publish(events.iter().map(|id| count(*id, 2)));
        hub.publish([count(events[0], 3)]);
        let seen: Vec<TicketCount> = all.by_ref().take(1000).collect().await;
        let mut wanted: Vec<TicketCount> = events[1..].iter().map(|id| count(*id, 2)).collect();
        wanted.push(count(events[0], 3));
        assert_eq!(seen, wanted);
        assert_eq!(all.next().now_or_never(), None);
    }

    #[tokio::test]
    async fn nothing_is_kept_for_events_that_nobody_watches() {
        let hub = Hub::default();
        let events: Vec<EventId> = (0..10).map(|_| EventId::new()).collect();
        let (first, second) = (hub.watch(events.clone()), hub.watch(events.clone()).into_stream());
        let all = hub.watch_all();
        hub.publish(events.iter().map(|id| count(*id, 1)));
        drop((first, all));
        assert_eq!(hub.state().watched.len(), 10);
        drop(second);
        let state = hub.state();
        assert!(state.watched.is_empty() && state.log.changes.is_empty());
    }
}
