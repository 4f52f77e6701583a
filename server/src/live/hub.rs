//! Passes changed counts on to the watchers on this server. The feed carries them to other servers.
//!
//! Nothing queues. A watched event has one latest count, and a slow reader finds that one when it
//! next looks. A count's version decides which of two is newer, so the order in which counts arrive
//! does not matter. Only after a connection to the database broke, the database itself decides: it
//! may have become older.

use std::{
    collections::{HashMap, hash_map::Entry},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
    vec,
};

use futures_util::{
    StreamExt,
    stream::{BoxStream, select_all},
};
use parking_lot::Mutex;
use rowlock_entities::EventId;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep},
};
use tokio_stream::{Stream, wrappers::WatchStream};

use super::{
    TicketCount,
    change_log::ChangeLog,
    outbox::Outbox,
    topic::{GROUP_PAUSE, RankedCount, Topic},
};
use crate::metrics::LiveSize;

/// After a connection broke, counts that are read replace known ones, whatever their versions, until
/// all watched events were read this long after the break. The other servers notice the break in
/// this time, and the counts that they sent before have arrived.
const DOUBT_TIME: Duration = Duration::from_secs(15);

/// The place where counts are published and watched. Clones are the same hub.
#[derive(Clone, Debug, Default)]
pub struct Hub(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// The number of the log's last entry. A new number wakes the watchers of all events.
    last_change: watch::Sender<u64>,
    /// The counts for other servers; `None` if there are no others.
    outbox: Option<Outbox>,
    reread_wanted: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The hub's own time: the number of counts that arrived.
    now: u64,
    /// When a connection last broke. What was known before may be newer than the database.
    doubted_at: Option<Instant>,
    /// The events that somebody watches by id.
    topics: HashMap<EventId, Topic>,
    /// Wakes who watches the check-ins at an event.
    check_ins: HashMap<EventId, watch::Sender<()>>,
    /// Number of watchers of all events. The log is kept only for them.
    all_events_subscribers: usize,
    log: ChangeLog,
}

impl Hub {
    /// The hub of a server that may be one of several.
    pub(crate) fn shared() -> Self {
        Self(Arc::new(Shared { outbox: Some(Outbox::default()), ..Shared::default() }))
    }

    pub(super) fn outbox(&self) -> Option<&Outbox> {
        self.0.outbox.as_ref()
    }

    /// Passes counts that changed on this server on to all watchers, here and on other servers.
    pub fn publish(&self, counts: impl IntoIterator<Item = TicketCount>) {
        let Some(outbox) = &self.0.outbox else { return self.pass_on(counts) };
        let counts: Vec<TicketCount> = counts.into_iter().collect();
        self.pass_on(counts.iter().copied());
        outbox.put(counts);
    }

    /// Tells who watches the check-ins at an event that they have changed, here and on other servers.
    pub(crate) fn check_ins_changed(&self, event: EventId) {
        self.pass_on_check_ins([event]);
        if let Some(outbox) = &self.0.outbox {
            outbox.put_check_ins(event);
        }
    }

    /// Tells who watches the check-ins at these events on this server.
    pub(super) fn pass_on_check_ins(&self, events: impl IntoIterator<Item = EventId>) {
        let state = self.0.state.lock();
        for event in events {
            if let Some(watched) = state.check_ins.get(&event) {
                watched.send_replace(());
            }
        }
    }

    /// A receiver that is woken by each change of the check-ins at an event from now on.
    pub(crate) fn watch_check_ins(&self, event: EventId) -> watch::Receiver<()> {
        let mut state = self.0.state.lock();
        state.check_ins.retain(|_, watched| watched.receiver_count() > 0);
        state.check_ins.entry(event).or_default().subscribe()
    }

    /// Passes counts on to the watchers on this server. Counts older than known ones are dropped.
    pub(super) fn pass_on(&self, counts: impl IntoIterator<Item = TicketCount>) {
        let mut state = self.0.state.lock();
        for count in counts {
            self.update_topic(&mut state, count);
            if state.all_events_subscribers > 0 && count.is_public {
                state.log.record(count);
            }
        }
        let last = state.log.last();
        drop(state);
        self.wake_watchers_of_all(last);
    }

    fn wake_watchers_of_all(&self, last: u64) {
        self.0.last_change.send_if_modified(|known| {
            let is_newer = *known < last;
            *known = (*known).max(last);
            is_newer
        });
    }

    fn update_topic(&self, state: &mut State, count: TicketCount) {
        state.now += 1;
        if let Some(topic) = state.topics.get_mut(&count.event_id)
            && topic.update(count, state.now)
        {
            tokio::spawn(self.clone().notify_in_groups(count.event_id));
        }
    }

    /// Notifies one group of an event's watchers after another until all have its latest count.
    async fn notify_in_groups(self, event: EventId) {
        let notified_a_group = || {
            let mut state = self.0.state.lock();
            state.topics.get_mut(&event).is_some_and(Topic::notify_next_group)
        };
        while notified_a_group() {
            sleep(GROUP_PAUSE).await;
        }
    }

    /// Records that a connection to the database broke. Behind the next one, the database may be
    /// older: after a failover or a restore, it may lack what was committed last.
    pub(super) fn doubt_counts(&self) {
        self.0.state.lock().doubted_at = Some(Instant::now());
        if let Some(outbox) = &self.0.outbox {
            outbox.doubt_waiting();
        }
        self.want_reread();
    }

    /// Asks for a read of the watched events.
    pub(super) fn want_reread(&self) {
        self.0.reread_wanted.notify_one();
    }

    /// Waits until somebody asks for a read of the watched events.
    pub(super) async fn reread_wanted(&self) {
        self.0.reread_wanted.notified().await;
    }

    /// Begins to read counts again. Counts that arrive from now on are not older than the read ones.
    pub(super) fn begin_reread(&self) -> Reread {
        let state = self.0.state.lock();
        let is_in_doubt = state.doubted_at.is_some();
        Reread { now: state.now, last_change: state.log.last(), is_in_doubt }
    }

    /// The events to read again: those that somebody watches by id, and in case of doubt also those
    /// whose changes the watchers of all events got.
    pub(super) fn events_to_reread(&self) -> Vec<EventId> {
        let reread = self.begin_reread();
        let state = self.0.state.lock();
        let watched = state.topics.keys();
        if !reread.is_in_doubt {
            return watched.copied().collect();
        }
        let known = state.log.events().filter(|id| !state.topics.contains_key(id));
        watched.chain(known).copied().collect()
    }

    /// Records that all watched events were read, which began at `began`. This ends the doubt if the
    /// last break was long enough before.
    pub(super) fn read_all(&self, began: Instant) {
        let mut state = self.0.state.lock();
        if state.doubted_at.is_some_and(|broke_at| began >= broke_at + DOUBT_TIME) {
            state.doubted_at = None;
        }
    }

    /// Passes on counts that were read again. Normally, these are the ones that are newer than what
    /// is known. In case of doubt, they are all that differ, unless a newer one arrived since the
    /// read began. Equal ones are dropped, because they would look like changes to the watchers of
    /// all events.
    pub(super) fn pass_on_read(
        &self,
        reread: &Reread,
        read: impl IntoIterator<Item = TicketCount>,
    ) {
        let mut state = self.0.state.lock();
        for count in read {
            state.now += 1;
            let State { topics, log, now, .. } = &mut *state;
            let mut must_notify = false;
            let mut is_change =
                reread.is_in_doubt && log.change_of(count.event_id).is_some_and(|c| *c != count);
            if let Some(topic) = topics.get_mut(&count.event_id) {
                let before = topic.latest();
                must_notify = match reread.is_in_doubt {
                    true => topic.replace(count, *now, reread.now),
                    false => topic.update(count, *now),
                };
                // A first count is what a new watcher has yet to read, and no change.
                is_change |= before.is_some() && topic.latest() != before;
            }
            if is_change && count.is_public && state.all_events_subscribers > 0 {
                if reread.is_in_doubt {
                    state.log.forget_older(&count, reread.last_change);
                }
                state.log.record(count);
            }
            if must_notify {
                tokio::spawn(self.clone().notify_in_groups(count.event_id));
            }
        }
        let last = state.log.last();
        drop(state);
        self.wake_watchers_of_all(last);
    }

    /// The number of watched events and of watches on this server.
    pub(crate) fn size(&self) -> LiveSize {
        let state = self.0.state.lock();
        let by_id = state.topics.values().map(Topic::watchers).sum::<usize>();
        LiveSize { events: state.topics.len(), watches: by_id + state.all_events_subscribers }
    }

    /// Starts to watch these events. Read their current counts after this, so that no change in
    /// between is missed.
    pub(crate) fn watch(&self, events: impl IntoIterator<Item = EventId>) -> Subscription {
        let mut state = self.0.state.lock();
        let subscribers = events
            .into_iter()
            .map(|id| Subscriber {
                changes: WatchStream::from_changes(state.topics.entry(id).or_default().subscribe()),
                guard: TopicGuard { hub: self.clone(), id },
                first: None,
                last_rank: None,
            })
            .collect();
        Subscription { hub: self.clone(), subscribers }
    }

    /// Starts to watch all events. The stream has every event's latest change from now on.
    pub(crate) fn watch_all(&self) -> AllEventsSubscriber {
        let mut state = self.0.state.lock();
        state.all_events_subscribers += 1;
        let last_seen = state.log.last();
        drop(state);
        AllEventsSubscriber {
            hub: self.clone(),
            wakes: WatchStream::from_changes(self.0.last_change.subscribe()),
            last_seen,
            changes: Vec::new().into_iter(),
        }
    }

    fn forget_if_unwatched(&self, id: EventId) {
        if let Entry::Occupied(entry) = self.0.state.lock().topics.entry(id)
            && entry.get().is_unwatched()
        {
            entry.remove();
        }
    }
}

/// A read of the counts of watched events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reread {
    /// When it began, in the hub's own time.
    now: u64,
    /// The log's last entry at that time.
    last_change: u64,
    /// Whether the database may have become older than what is known.
    is_in_doubt: bool,
}

/// A watch over some events that has not delivered anything yet.
#[derive(Debug)]
pub(crate) struct Subscription {
    hub: Hub,
    subscribers: Vec<Subscriber>,
}

impl Subscription {
    /// Streams the current count of each event, in the order in which they are watched, and then every
    /// later one. Slow readers skip counts in between. `read` are the counts that were read after the
    /// watch started. Other watchers get them, too, if they are newer than what those know.
    pub(crate) fn starting_with(
        mut self,
        read: impl IntoIterator<Item = TicketCount>,
    ) -> BoxStream<'static, TicketCount> {
        let mut state = self.hub.0.state.lock();
        for count in read {
            self.hub.update_topic(&mut state, count);
        }
        for subscriber in &mut self.subscribers {
            let topic = state.topics.get(&subscriber.guard.id);
            subscriber.first = topic.and_then(Topic::latest);
        }
        drop(state);
        // A single stream needs no bookkeeping about which of several is ready.
        match self.subscribers.len() {
            1 => self.subscribers.remove(0).boxed(),
            _ => select_all(self.subscribers).boxed(),
        }
    }
}

/// Watches one event.
#[derive(Debug)]
struct Subscriber {
    // Fields are dropped in this order, and the receiver must be dropped before the guard.
    changes: WatchStream<Option<RankedCount>>,
    guard: TopicGuard,
    first: Option<RankedCount>,
    /// The rank that was delivered last.
    last_rank: Option<(u64, i64)>,
}

impl Stream for Subscriber {
    type Item = TicketCount;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<TicketCount>> {
        let latest = match self.first.take() {
            Some(first) => first,
            None => loop {
                match ready!(Pin::new(&mut self.changes).poll_next(cx)) {
                    None => return Poll::Ready(None),
                    Some(Some(latest)) if self.last_rank < Some(latest.rank()) => break latest,
                    Some(_) => {}
                }
            },
        };
        self.last_rank = Some(latest.rank());
        Poll::Ready(Some(latest.count))
    }
}

/// Forgets an event's topic when its last watcher goes.
#[derive(Debug)]
struct TopicGuard {
    hub: Hub,
    id: EventId,
}

impl Drop for TopicGuard {
    fn drop(&mut self) {
        self.hub.forget_if_unwatched(self.id);
    }
}

/// Watches all events.
#[derive(Debug)]
pub(crate) struct AllEventsSubscriber {
    hub: Hub,
    wakes: WatchStream<u64>,
    /// The number of the last change that was taken from the log.
    last_seen: u64,
    /// Changes that were taken and not delivered yet.
    changes: vec::IntoIter<TicketCount>,
}

impl AllEventsSubscriber {
    /// Maximum number of changes taken at once, so that the lock is held only briefly.
    const MAX_CHANGES: usize = 256;

    fn take_changes(&mut self) -> Vec<TicketCount> {
        let state = self.hub.0.state.lock();
        let newer = state.log.after(self.last_seen).take(Self::MAX_CHANGES);
        let mut last_seen = self.last_seen;
        let changes = newer
            .map(|(number, count)| {
                last_seen = number;
                count
            })
            .collect();
        drop(state);
        self.last_seen = last_seen;
        changes
    }
}

impl Stream for AllEventsSubscriber {
    type Item = TicketCount;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<TicketCount>> {
        loop {
            if let Some(change) = self.changes.next() {
                return Poll::Ready(Some(change));
            }
            let changes = self.take_changes();
            if changes.is_empty() && ready!(Pin::new(&mut self.wakes).poll_next(cx)).is_none() {
                return Poll::Ready(None);
            }
            self.changes = changes.into_iter();
        }
    }
}

impl Drop for AllEventsSubscriber {
    fn drop(&mut self) {
        let mut state = self.hub.0.state.lock();
        state.all_events_subscribers -= 1;
        if state.all_events_subscribers == 0 {
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
            revision: 1,
            is_public: true,
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
    async fn the_first_counts_come_in_the_order_of_the_events() {
        let hub = Hub::default();
        let events: Vec<EventId> = (0..200).map(|_| EventId::new()).rev().collect();
        let read: Vec<TicketCount> = events.iter().map(|event| count(*event, 1)).collect();
        let stream = hub.watch(events).starting_with(read.iter().copied().rev());
        assert_eq!(stream.take(200).collect::<Vec<_>>().await, read);
    }

    #[tokio::test]
    async fn a_large_crowd_is_notified_in_groups_and_all_get_the_last_count() {
        let (hub, event) = (Hub::default(), EventId::new());
        let join = || hub.watch([event]).starting_with([count(event, 1)]);
        let mut crowd: Vec<_> = (0..1_000).map(|_| join()).collect();
        for watcher in &mut crowd {
            assert_eq!(watcher.next().await, Some(count(event, 1)));
        }
        hub.publish([count(event, 2)]);
        tokio::task::yield_now().await;
        let notified = crowd.iter_mut().filter_map(|watcher| watcher.next().now_or_never()).count();
        assert!((1..1_000).contains(&notified), "{notified} at once");
        hub.publish([count(event, 3)]);
        for watcher in &mut crowd {
            while watcher.next().await != Some(count(event, 3)) {}
        }
        assert_eq!(join().next().await, Some(count(event, 3)), "a late watcher gets it, too");
    }

    #[tokio::test]
    async fn the_last_of_a_large_crowd_are_notified_at_once() {
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
        assert_eq!(all.next().now_or_never(), None, "an earlier count is not a change");
        hub.publish(events.iter().map(|id| count(*id, 2)));
        hub.publish([count(events[0], 3)]);
        let seen: Vec<TicketCount> = all.by_ref().take(1000).collect().await;
        let mut wanted: Vec<TicketCount> = events[1..].iter().map(|id| count(*id, 2)).collect();
        wanted.push(count(events[0], 3));
        assert_eq!(seen, wanted);
        assert_eq!(all.next().now_or_never(), None);
    }

    #[tokio::test]
    async fn a_count_that_is_read_again_is_passed_on_if_it_is_newer() {
        let (hub, event) = (Hub::default(), EventId::new());
        let mut some = hub.watch([event]).starting_with([count(event, 1)]);
        let mut all = Box::pin(hub.watch_all());
        assert_eq!(some.next().await, Some(count(event, 1)));
        let pass_on_read = |read: &[TicketCount]| {
            hub.pass_on_read(&hub.begin_reread(), read.iter().copied());
        };
        pass_on_read(&[count(event, 1), count(EventId::new(), 7)]);
        assert_eq!(some.next().now_or_never(), None);
        assert_eq!(all.next().now_or_never(), None);
        pass_on_read(&[count(event, 2)]);
        assert_eq!(some.next().await, Some(count(event, 2)));
        assert_eq!(all.next().await, Some(count(event, 2)));
        pass_on_read(&[count(event, 1)]);
        assert_eq!(some.next().now_or_never(), None, "an older one is dropped");
        assert_eq!(all.next().now_or_never(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_break_a_count_that_is_read_replaces_a_newer_one_until_all_were_read() {
        let (hub, event, other) = (Hub::default(), EventId::new(), EventId::new());
        let mut some = hub.watch([event]).starting_with([count(event, 7)]);
        let mut all = Box::pin(hub.watch_all());
        assert_eq!(some.next().await, Some(count(event, 7)));
        hub.publish([count(other, 9)]);
        assert_eq!(all.next().await, Some(count(other, 9)));

        hub.doubt_counts();
        let mut to_read = hub.events_to_reread();
        to_read.sort_unstable();
        assert_eq!(to_read, [event, other], "changes of unwatched events are doubtful, too");
        hub.pass_on_read(&hub.begin_reread(), [count(event, 2), count(other, 9)]);
        assert_eq!(some.next().await, Some(count(event, 2)));
        assert_eq!(all.next().await, Some(count(event, 2)));
        assert_eq!(all.next().now_or_never(), None, "this one was right");
        // Somebody else has just read the other event's new count.
        let mut late = hub.watch([other]).starting_with([count(other, 3)]);
        assert_eq!(late.next().await, Some(count(other, 3)));
        hub.pass_on_read(&hub.begin_reread(), [count(other, 3)]);
        assert_eq!(late.next().now_or_never(), None);
        assert_eq!(all.next().await, Some(count(other, 3)));
        hub.publish([count(event, 3), count(other, 4)]);
        assert_eq!(some.next().await, Some(count(event, 3)), "it goes on from there");
        assert_eq!(all.next().await, Some(count(event, 3)));
        assert_eq!(all.next().await, Some(count(other, 4)));

        // A message from before the break arrives late.
        hub.pass_on([count(event, 7)]);
        assert_eq!(some.next().await, Some(count(event, 7)));
        hub.pass_on_read(&hub.begin_reread(), [count(event, 3)]);
        assert_eq!(some.next().await, Some(count(event, 3)));
        let too_early = Instant::now();
        tokio::time::advance(DOUBT_TIME).await;
        hub.read_all(too_early);
        hub.pass_on_read(&hub.begin_reread(), [count(event, 2)]);
        assert_eq!(some.next().await, Some(count(event, 2)), "that read may have been too early");
        hub.read_all(Instant::now());
        hub.pass_on_read(&hub.begin_reread(), [count(event, 1)]);
        assert_eq!(some.next().now_or_never(), None, "nothing broke lately");
    }

    #[tokio::test]
    async fn after_a_break_a_count_that_arrives_during_the_read_stays() {
        let (hub, event) = (Hub::default(), EventId::new());
        let mut some = hub.watch([event]).starting_with([count(event, 3)]);
        let mut all = Box::pin(hub.watch_all());
        assert_eq!(some.next().await, Some(count(event, 3)));
        hub.doubt_counts();
        let reread = hub.begin_reread();
        hub.publish([count(event, 4)]);
        hub.pass_on_read(&reread, [count(event, 3)]);
        assert_eq!(some.next().await, Some(count(event, 4)));
        assert_eq!(all.next().await, Some(count(event, 4)));
        assert_eq!(some.next().now_or_never(), None);
        assert_eq!(all.next().now_or_never(), None);
    }

    #[tokio::test]
    async fn a_large_crowd_gets_a_count_that_replaced_a_newer_one() {
        let (hub, event) = (Hub::default(), EventId::new());
        let join = || hub.watch([event]).starting_with([count(event, 9)]);
        let mut crowd: Vec<_> = (0..1_000).map(|_| join()).collect();
        for watcher in &mut crowd {
            assert_eq!(watcher.next().await, Some(count(event, 9)));
        }
        hub.doubt_counts();
        hub.pass_on_read(&hub.begin_reread(), [count(event, 2)]);
        for watcher in &mut crowd {
            assert_eq!(watcher.next().await, Some(count(event, 2)));
        }
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
        assert_eq!(hub.0.state.lock().topics.len(), 10);
        drop(second);
        let state = hub.0.state.lock();
        assert!(state.topics.is_empty() && state.log.events().next().is_none());
    }
}
