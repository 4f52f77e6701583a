//! Passes counts from where they change to whoever watches, in this process; the feed carries them to others.
//!
//! Nothing queues: a watched event has one latest count, and whoever is slow finds that one when
//! they next look. A count's version decides which of two is newer, so the order in which counts
//! arrive does not matter.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use rowlock_entities::{EventId, event};
use tokio::{sync::watch, time::sleep};

use super::{
    feed::Outbox,
    topic::{PAUSE, Topic},
};
use crate::metrics::LiveSize;

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
    /// What other servers are to be told; none where there are no others.
    outbox: Option<Outbox>,
}

#[derive(Debug, Default)]
struct State {
    /// The events that somebody watches by name.
    watched: HashMap<EventId, Topic>,
    /// How many watch all events. The log is kept only for them.
    watching_all: usize,
    log: Log,
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
    /// Of one of several servers.
    pub(crate) fn shared() -> Self {
        let inner = Inner { outbox: Some(Outbox::default()), ..Inner::default() };
        Self { inner: Arc::new(inner) }
    }

    pub(super) fn outbox(&self) -> Option<&Outbox> {
        self.inner.outbox.as_ref()
    }

    /// Passes counts that this server changed on to those who watch, here and at other servers.
    pub fn publish(&self, counts: impl IntoIterator<Item = TicketCount>) {
        let Some(outbox) = &self.inner.outbox else { return self.pass_on(counts) };
        let counts: Vec<TicketCount> = counts.into_iter().collect();
        self.pass_on(counts.iter().copied());
        outbox.put(counts);
    }

    /// Passes counts on to those who watch here. Older ones than are known are dropped.
    pub(super) fn pass_on(&self, counts: impl IntoIterator<Item = TicketCount>) {
        let mut state = self.state();
        for count in counts {
            self.tell(&mut state, count);
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

    fn tell(&self, state: &mut State, count: TicketCount) {
        if let Some(topic) = state.watched.get_mut(&count.event_id)
            && topic.tell(count)
        {
            tokio::spawn(self.clone().cry(count.event_id));
        }
    }

    /// Goes from group to group of an event's watchers until all have its latest count.
    async fn cry(self, event: EventId) {
        let told_a_group =
            || self.state().watched.get_mut(&event).is_some_and(Topic::tell_next_group);
        while told_a_group() {
            sleep(PAUSE).await;
        }
    }

    /// Passes on what was read of events that are watched by name, as far as it is newer than what those
    /// who watch know. To those who watch all events, other counts would look like changes.
    pub(super) fn pass_on_news(&self, read: impl IntoIterator<Item = TicketCount>) {
        let news: Vec<TicketCount> = {
            let state = self.state();
            let known = |id: &EventId| state.watched.get(id).and_then(Topic::latest);
            let is_news = |count: &TicketCount| {
                known(&count.event_id).is_some_and(|known| known.version < count.version)
            };
            read.into_iter().filter(is_news).collect()
        };
        self.pass_on(news);
    }

    /// How much is watched here.
    pub(crate) fn size(&self) -> LiveSize {
        let state = self.state();
        let by_name = state.watched.values().map(Topic::watchers).sum::<usize>();
        LiveSize { events: state.watched.len(), watches: by_name + state.watching_all }
    }

    /// The events that somebody watches by name.
    pub(super) fn watched(&self) -> Vec<EventId> {
        self.state().watched.keys().copied().collect()
    }

    /// Begins to watch these events. Read their current counts after this, and none is missed in between.
    pub(crate) fn watch(&self, events: impl IntoIterator<Item = EventId>) -> Watch {
        let mut state = self.state();
        let followers = events
            .into_iter()
            .map(|id| Follower {
                receiver: state.watched.entry(id).or_default().subscribe(),
                watched: Watched { hub: self.clone(), id },
                first: None,
                told: None,
            })
            .collect();
        Watch { hub: self.clone(), followers }
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
    followers: Vec<Follower>,
}

impl Watch {
    /// The current count of each event, then every later one; in between, slow readers skip. `read` are
    /// the counts as they were read after the watch began; others hear of them if they are news.
    pub(crate) fn starting_with(
        mut self,
        read: impl IntoIterator<Item = TicketCount>,
    ) -> BoxStream<'static, TicketCount> {
        let mut state = self.hub.state();
        for count in read {
            self.hub.tell(&mut state, count);
        }
        for follower in &mut self.followers {
            let topic = state.watched.get(&follower.watched.id);
            follower.first = topic.and_then(Topic::latest);
        }
        drop(state);
        let mut streams: Vec<_> =
            self.followers.into_iter().map(|follower| follower.into_stream().boxed()).collect();
        match streams.len() {
            1 => streams.remove(0),
            _ => stream::select_all(streams).boxed(),
        }
    }
}

/// One who watches one event.
#[derive(Debug)]
struct Follower {
    // In this order: the topic is forgotten after its last receiver.
    receiver: watch::Receiver<Option<TicketCount>>,
    watched: Watched,
    first: Option<TicketCount>,
    /// The version last told.
    told: Option<i64>,
}

impl Follower {
    fn into_stream(self) -> impl Stream<Item = TicketCount> + Send {
        stream::unfold(self, |mut follower| async move {
            let count = follower.next().await?;
            Some((count, follower))
        })
    }

    async fn next(&mut self) -> Option<TicketCount> {
        let count = match self.first.take() {
            Some(first) => first,
            None => loop {
                self.receiver.changed().await.ok()?;
                let latest = *self.receiver.borrow_and_update();
                if let Some(latest) = latest.filter(|latest| self.told < Some(latest.version)) {
                    break latest;
                }
            },
        };
        self.told = Some(count.version);
        Some(count)
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
            && entry.get().is_unwatched()
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
        let mut stream = watch.starting_with([count(event, 2)]);
        assert_eq!(stream.next().await, Some(count(event, 3)));
        assert_eq!(stream.next().now_or_never(), None);
        hub.publish([count(event, 4)]);
        hub.publish([count(event, 5)]);
        assert_eq!(stream.next().await, Some(count(event, 5)), "a slow reader skips 4");
        assert_eq!(stream.next().now_or_never(), None);
    }

    #[tokio::test]
    async fn a_large_crowd_is_told_in_groups_and_all_of_it_hears_the_last_count() {
        let (hub, event) = (Hub::default(), EventId::new());
        let join = || hub.watch([event]).starting_with([count(event, 1)]);
        let mut crowd: Vec<_> = (0..1_000).map(|_| join()).collect();
        for watcher in &mut crowd {
            assert_eq!(watcher.next().await, Some(count(event, 1)));
        }
        hub.publish([count(event, 2)]);
        tokio::task::yield_now().await;
        let told = crowd.iter_mut().filter_map(|watcher| watcher.next().now_or_never()).count();
        assert!((1..1_000).contains(&told), "{told} at once");
        hub.publish([count(event, 3)]);
        for watcher in &mut crowd {
            while watcher.next().await != Some(count(event, 3)) {}
        }
        assert_eq!(join().next().await, Some(count(event, 3)), "who comes late hears it as well");
    }

    #[tokio::test]
    async fn the_last_of_a_large_crowd_are_told_at_once() {
        let (hub, event) = (Hub::default(), EventId::new());
        let mut crowd: Vec<_> = (0..1_000).map(|_| hub.watch([event]).starting_with([])).collect();
        let mut left = crowd.split_off(990);
        drop(crowd);
        hub.publish([count(event, 2)]);
        tokio::task::yield_now().await;
        for watcher in &mut left {
            assert_eq!(watcher.next().now_or_never(), Some(Some(count(event, 2))));
        }
    }

    #[tokio::test]
    async fn an_older_count_that_arrives_later_is_dropped() {
        let (hub, event) = (Hub::default(), EventId::new());
        let mut some = hub.watch([event]).starting_with([]);
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
    async fn what_is_read_again_is_told_when_it_is_news() {
        let (hub, event) = (Hub::default(), EventId::new());
        let mut some = hub.watch([event]).starting_with([count(event, 1)]);
        let mut all = Box::pin(hub.watch_all());
        assert_eq!(some.next().await, Some(count(event, 1)));
        hub.pass_on_news([count(event, 1), count(EventId::new(), 7)]);
        assert_eq!(some.next().now_or_never(), None);
        assert_eq!(all.next().now_or_never(), None);
        hub.pass_on_news([count(event, 2)]);
        assert_eq!(some.next().await, Some(count(event, 2)));
        assert_eq!(all.next().await, Some(count(event, 2)));
    }

    #[tokio::test]
    async fn nothing_is_kept_for_events_that_nobody_watches() {
        let hub = Hub::default();
        let events: Vec<EventId> = (0..10).map(|_| EventId::new()).collect();
        let first = hub.watch(events.clone());
        let second = hub.watch(events.clone()).starting_with([]);
        let all = hub.watch_all();
        hub.publish(events.iter().map(|id| count(*id, 1)));
        drop((first, all));
        assert_eq!(hub.state().watched.len(), 10);
        drop(second);
        let state = hub.state();
        assert!(state.watched.is_empty() && state.log.changes.is_empty());
    }
}
