//! Watches the live counts of a load's events, and whether they tell the truth.

use std::{collections::HashMap, iter::zip, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{api::Api, queries::TicketUpdate, report::Check, socket::Subscription};

/// Most events that one subscription may name.
const PER_SUBSCRIPTION: usize = 200;
/// How soon the first counts must be there.
const FIRST_WITHIN: Duration = Duration::from_secs(30);
/// How soon the last ones.
const LAST_WITHIN: Duration = Duration::from_secs(10);
/// Wait before a socket that was closed is opened again.
const CONNECT_AGAIN: Duration = Duration::from_millis(200);
/// Sockets that are being opened at the same time.
const OPENING: usize = 64;
const PROGRESS_EVERY: usize = 1_000;
/// How often the sum of what is left is noted for the plot.
const NOTED_EVERY: Duration = Duration::from_millis(100);

/// Subscribers, each with a socket of their own; they end with this.
pub(crate) struct Watcher {
    seen: Arc<Mutex<Seen>>,
    events: Vec<cynic::Id>,
    /// How many events all subscribers together watch.
    watched: usize,
    tasks: JoinSet<()>,
}

/// What the subscribers were told.
#[derive(Default)]
struct Seen {
    /// By subscriber: the latest count of each event.
    latest: Vec<HashMap<String, TicketUpdate>>,
    /// Of all of them, the newest.
    newest: HashMap<String, TicketUpdate>,
    updates: u64,
    steps_back: u64,
    connected_again: u64,
    out_of_range: u64,
    remaining: Vec<(f64, i64)>,
}

/// What came of watching.
pub(crate) struct Watched {
    pub(crate) checks: Vec<Check>,
    /// Seconds since the beginning, and how many tickets were left by then.
    pub(crate) remaining: Vec<(f64, i64)>,
    /// Counts that were told to anybody.
    pub(crate) updates: u64,
    /// Sockets that were closed and opened again.
    pub(crate) connected_again: u64,
    /// How long it took until all subscribers had the last counts.
    pub(crate) settled_after: Duration,
}

impl Watcher {
    /// Opens as many subscriptions as it takes to watch each event once.
    pub(crate) async fn start(api: &Api, events: &[cynic::Id]) -> Result<Self> {
        let sets = events.chunks(PER_SUBSCRIPTION).map(<[_]>::to_vec).collect();
        Self::open(api, events, sets).await
    }

    /// Opens so many subscriptions, each to all of these events.
    pub(crate) async fn crowd(api: &Api, events: &[cynic::Id], subscribers: u32) -> Result<Self> {
        let sets = (0..subscribers).map(|_| events.to_vec()).collect();
        Self::open(api, events, sets).await
    }

    async fn open(api: &Api, events: &[cynic::Id], sets: Vec<Vec<cynic::Id>>) -> Result<Self> {
        let watched = sets.iter().map(Vec::len).sum();
        let latest = sets.iter().map(|_| HashMap::new()).collect();
        let seen = Arc::new(Mutex::new(Seen { latest, ..Seen::default() }));
        let (subscribers, wanted) = (sets.len(), sets.clone());
        let mut opening = stream::iter(sets).map(|events| api.watch(events)).buffered(OPENING);
        let mut sockets: Vec<Subscription> = Vec::with_capacity(subscribers);
        while let Some(socket) = opening.try_next().await? {
            sockets.push(socket);
            if sockets.len().is_multiple_of(PROGRESS_EVERY) {
                eprintln!("{} of {subscribers} sockets are open", sockets.len());
            }
        }
        let mut tasks = JoinSet::new();
        for (subscriber, (mut socket, wanted)) in zip(sockets, wanted).enumerate() {
            let (seen, api) = (Arc::clone(&seen), api.clone());
            tasks.spawn(async move {
                loop {
                    while let Some(update) = socket.next().await {
                        seen.lock().note(subscriber, update);
                    }
                    // As a page does whose server went away.
                    socket = loop {
                        sleep(CONNECT_AGAIN).await;
                        if let Ok(socket) = api.watch(wanted.clone()).await {
                            break socket;
                        }
                    };
                    seen.lock().connected_again += 1;
                }
            });
        }
        let mut watcher = Self { seen, events: events.to_vec(), watched, tasks };
        let told = |seen: &Seen| seen.latest.iter().map(HashMap::len).sum::<usize>();
        watcher
            .until(FIRST_WITHIN, |seen| told(seen) == watched)
            .await
            .context("not every subscription began with the current counts")?;
        watcher.note_remaining();
        Ok(watcher)
    }

    /// Waits until all subscribers were told `remaining`, and gives what they saw.
    pub(crate) async fn finish(self, remaining: &[i32]) -> Watched {
        let last: HashMap<&str, i32> =
            zip(&self.events, remaining).map(|(event, left)| (event.inner(), *left)).collect();
        let right = |seen: &Seen| {
            let latest = seen.latest.iter().flat_map(HashMap::iter);
            latest
                .filter(|(event, told)| last.get(event.as_str()) == Some(&told.remaining_tickets))
                .count()
        };
        let begun = Instant::now();
        // Running out of time shows as wrong counts.
        let _ = self.until(LAST_WITHIN, |seen| right(seen) == self.watched).await;
        let settled_after = begun.elapsed();
        let seen = std::mem::take(&mut *self.seen.lock());
        Watched {
            checks: vec![
                Check::new("last live counts equal the database's", &right(&seen), &self.watched),
                Check::new("live versions that went back", &seen.steps_back, &0),
                Check::new("live counts out of range", &seen.out_of_range, &0),
            ],
            remaining: seen.remaining,
            updates: seen.updates,
            connected_again: seen.connected_again,
            settled_after,
        }
    }

    /// Waits, in small steps, for what the subscribers are told.
    async fn until(&self, most: Duration, done: impl Fn(&Seen) -> bool) -> Result<()> {
        let waiting = async {
            while !done(&self.seen.lock()) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        Ok(timeout(most, waiting).await?)
    }

    fn note_remaining(&mut self) {
        let (begun, seen) = (Instant::now(), Arc::clone(&self.seen));
        self.tasks.spawn(async move {
            loop {
                seen.lock().note_remaining(begun.elapsed());
                sleep(NOTED_EVERY).await;
            }
        });
    }
}

impl Seen {
    fn note(&mut self, subscriber: usize, update: TicketUpdate) {
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
            self.steps_back += 1;
        }
    }

    fn note_remaining(&mut self, at: Duration) {
        let left = self.newest.values().map(|told| i64::from(told.remaining_tickets)).sum();
        self.remaining.push((at.as_secs_f64(), left));
    }
}
