//! The live number of people who are in.
//!
//! One task for each event that somebody watches counts again after each change, and passes the
//! result to all who watch. So a crowd of watchers costs as much as one.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use futures_util::{
    StreamExt,
    future::ready,
    stream::{self, BoxStream},
};
use parking_lot::Mutex;
use rowlock_entities::EventId;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_stream::wrappers::WatchStream;

use super::{arrivals::Arrivals, counts::ArrivalsOfEvents};
use crate::{coalescing::Batcher, live::Hub};

/// Longest time until the next count. It makes up for lost messages of other servers, and for
/// changes by other programs.
const RECOUNT_INTERVAL: Duration = Duration::from_secs(4);
/// Shortest time between two counts.
const MIN_PAUSE: Duration = Duration::from_millis(50);
/// The pause is this many times as long as the count took, so that a large event's door leaves most
/// of the database to others.
const PAUSE_FACTOR: u32 = 10;

/// The events whose doors somebody watches. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct FollowedEvents(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    hub: Hub,
    counts: Batcher<ArrivalsOfEvents>,
    latest: Mutex<HashMap<EventId, watch::Sender<Option<Arrivals>>>>,
}

impl FollowedEvents {
    pub(super) fn new(hub: Hub, counts: Batcher<ArrivalsOfEvents>) -> Self {
        Self(Arc::new(Shared { hub, counts, latest: Mutex::default() }))
    }

    /// Streams the state now and after each later change. A slow reader skips states in between.
    pub(super) fn watch(&self, event: EventId) -> BoxStream<'static, Arrivals> {
        let receiver = match self.0.latest.lock().entry(event) {
            Entry::Occupied(entry) => entry.get().subscribe(),
            Entry::Vacant(entry) => {
                let (latest, receiver) = watch::channel(None);
                entry.insert(latest.clone());
                tokio::spawn(self.clone().follow(event, latest));
                receiver
            }
        };
        WatchStream::new(receiver).filter_map(ready).boxed()
    }

    /// Counts again and again while somebody watches.
    async fn follow(self, event: EventId, latest: watch::Sender<Option<Arrivals>>) {
        let Shared { hub, counts, .. } = &*self.0;
        // Begun before the first count, so that no change is missed.
        let check_ins = WatchStream::from_changes(hub.watch_check_ins(event)).map(drop);
        let bookings = hub.watch([event]).starting_with([]).map(drop);
        let mut changes = stream::select(check_ins, bookings);
        while self.is_watched(event, &latest) {
            let began = Instant::now();
            match counts.ask(event).await {
                Ok(Ok(arrivals)) => {
                    latest.send_if_modified(|known| known.replace(arrivals) != Some(arrivals));
                }
                Ok(Err(error)) => tracing::debug!(%error, "arrivals could not be counted"),
                Err(error) => tracing::debug!(%error, "arrivals could not be counted"),
            }
            let pause = (began.elapsed() * PAUSE_FACTOR).clamp(MIN_PAUSE, RECOUNT_INTERVAL);
            tokio::select! {
                () = sleep(pause) => {}
                () = latest.closed() => continue,
            }
            tokio::select! {
                _ = changes.next() => {}
                () = sleep(RECOUNT_INTERVAL) => {}
                () = latest.closed() => {}
            }
        }
    }

    /// Whether somebody watches. If nobody does, the event is forgotten.
    fn is_watched(&self, event: EventId, latest: &watch::Sender<Option<Arrivals>>) -> bool {
        let mut all = self.0.latest.lock();
        let is_watched = latest.receiver_count() > 0;
        if !is_watched {
            all.remove(&event);
        }
        is_watched
    }
}
