//! Subscribes to the live counts of a load's events, and checks that they are correct.

use std::{collections::HashMap, iter::zip, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{api::Api, queries::TicketUpdate, report::Check, socket::Subscription};

/// The server's limit.
const MAX_EVENTS_PER_SUBSCRIPTION: usize = 200;
/// For every subscription's first counts.
const FIRST_COUNTS_TIMEOUT: Duration = Duration::from_secs(30);
/// For the last counts, after the load.
const LAST_COUNTS_TIMEOUT: Duration = Duration::from_secs(10);
const RECONNECT_INTERVAL: Duration = Duration::from_millis(200);
const MAX_CONCURRENT_CONNECTS: usize = 64;
const SOCKETS_PER_PROGRESS_LINE: usize = 1_000;
/// Of the total of remaining tickets, for the plot.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// Subscribers, each with its own socket. They end when this is dropped.
pub(crate) struct Watcher {
    observed: Arc<Mutex<Observations>>,
    events: Vec<cynic::Id>,
    /// The number of events that each subscriber watches, summed over all subscribers.
    watched: usize,
    tasks: JoinSet<()>,
}

/// The counts that subscribers received.
#[derive(Default)]
struct Observations {
    /// By subscriber and event.
    latest: Vec<HashMap<String, TicketUpdate>>,
    /// By event, over all subscribers.
    newest: HashMap<String, TicketUpdate>,
    updates: u64,
    older_versions: u64,
    reconnects: u64,
    out_of_range: u64,
    remaining: Vec<(f64, i64)>,
}

/// The results of watching.
pub(crate) struct WatchResults {
    pub(crate) checks: Vec<Check>,
    /// Seconds since the start, and the number of tickets left at that time.
    pub(crate) remaining: Vec<(f64, i64)>,
    /// Counts that were received by all subscribers together.
    pub(crate) updates: u64,
    /// How often a closed socket was opened again.
    pub(crate) reconnects: u64,
    /// Time after the load until every subscriber had the last counts.
    pub(crate) last_counts_delay: Duration,
}

impl Watcher {
    /// Opens the fewest subscriptions that watch every event once.
    pub(crate) async fn start(api: &Api, events: &[cynic::Id]) -> Result<Self> {
        let sets = events.chunks(MAX_EVENTS_PER_SUBSCRIPTION).map(<[_]>::to_vec).collect();
        Self::open(api, events, sets).await
    }

    /// Opens this number of subscriptions, each to all events.
    pub(crate) async fn start_many(
        api: &Api,
        events: &[cynic::Id],
        subscribers: u32,
    ) -> Result<Self> {
        let sets = (0..subscribers).map(|_| events.to_vec()).collect();
        Self::open(api, events, sets).await
    }

    async fn open(api: &Api, events: &[cynic::Id], sets: Vec<Vec<cynic::Id>>) -> Result<Self> {
        let watched = sets.iter().map(Vec::len).sum();
        let latest = sets.iter().map(|_| HashMap::new()).collect();
        let observed = Arc::new(Mutex::new(Observations { latest, ..Observations::default() }));
        let (subscribers, events_of_socket) = (sets.len(), sets.clone());
        let mut opening = stream::iter(sets)
            .map(|events| api.subscribe(events))
            .buffered(MAX_CONCURRENT_CONNECTS);
        let mut sockets: Vec<Subscription> = Vec::with_capacity(subscribers);
        while let Some(socket) = opening.try_next().await? {
            sockets.push(socket);
            if sockets.len().is_multiple_of(SOCKETS_PER_PROGRESS_LINE) {
                eprintln!("{} of {subscribers} sockets are open", sockets.len());
            }
        }
        let mut tasks = JoinSet::new();
        for (subscriber, (mut socket, events_of_socket)) in
            zip(sockets, events_of_socket).enumerate()
        {
            let (observed, api) = (Arc::clone(&observed), api.clone());
            tasks.spawn(async move {
                loop {
                    while let Some(update) = socket.next().await {
                        observed.lock().record(subscriber, update);
                    }
                    // Reconnect, as a page does when its server stopped.
                    socket = loop {
                        sleep(RECONNECT_INTERVAL).await;
                        if let Ok(socket) = api.subscribe(events_of_socket.clone()).await {
                            break socket;
                        }
                    };
                    observed.lock().reconnects += 1;
                }
            });
        }
        let mut watcher = Self { observed, events: events.to_vec(), watched, tasks };
        let received =
            |observed: &Observations| observed.latest.iter().map(HashMap::len).sum::<usize>();
        watcher
            .wait_until(FIRST_COUNTS_TIMEOUT, |observed| received(observed) == watched)
            .await
            .context("not every subscription started with the current counts")?;
        watcher.sample_remaining();
        Ok(watcher)
    }

    /// Waits until all subscribers have received these last counts, and returns the results. The
    /// sockets stay open.
    pub(crate) async fn finish(&self, remaining: &[i32]) -> WatchResults {
        let last: HashMap<&str, i32> =
            zip(&self.events, remaining).map(|(event, left)| (event.inner(), *left)).collect();
        let up_to_date = |observed: &Observations| {
            let latest = observed.latest.iter().flat_map(HashMap::iter);
            latest
                .filter(|(event, received)| {
                    last.get(event.as_str()) == Some(&received.remaining_tickets)
                })
                .count()
        };
        let started = Instant::now();
        // After the timeout, a check fails.
        let _ = self
            .wait_until(LAST_COUNTS_TIMEOUT, |observed| up_to_date(observed) == self.watched)
            .await;
        let last_counts_delay = started.elapsed();
        let observed = self.observed.lock();
        WatchResults {
            checks: vec![
                Check::new(
                    "last live counts equal the database's",
                    &up_to_date(&observed),
                    &self.watched,
                ),
                Check::new("live counts older than the one before", &observed.older_versions, &0),
                Check::new("live counts out of range", &observed.out_of_range, &0),
            ],
            remaining: observed.remaining.clone(),
            updates: observed.updates,
            reconnects: observed.reconnects,
            last_counts_delay,
        }
    }

    /// Polls until the condition holds.
    async fn wait_until(
        &self,
        limit: Duration,
        done: impl Fn(&Observations) -> bool,
    ) -> Result<()> {
        let waiting = async {
            while !done(&self.observed.lock()) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        Ok(timeout(limit, waiting).await?)
    }

    fn sample_remaining(&mut self) {
        let (started, observed) = (Instant::now(), Arc::clone(&self.observed));
        self.tasks.spawn(async move {
            loop {
                observed.lock().sample(started.elapsed());
                sleep(SAMPLE_INTERVAL).await;
            }
        });
    }
}

impl Observations {
    fn record(&mut self, subscriber: usize, update: TicketUpdate) {
        self.updates += 1;
        if !(0..=update.total_tickets).contains(&update.remaining_tickets) {
            self.out_of_range += 1;
        }
        let event = update.event_id.inner();
        if self.newest.get(event).is_none_or(|newest| newest.version < update.version) {
            self.newest.insert(event.to_owned(), update.clone());
        }
        let before = self.latest[subscriber].insert(event.to_owned(), update.clone());
        if before.is_some_and(|before| before.version > update.version) {
            self.older_versions += 1;
        }
    }

    fn sample(&mut self, time: Duration) {
        let left = self.newest.values().map(|received| i64::from(received.remaining_tickets)).sum();
        self.remaining.push((time.as_secs_f64(), left));
    }
}
