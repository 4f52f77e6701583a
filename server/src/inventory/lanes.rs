//! The lanes that bookings and cancellations go through: each event hashes to one, and a lane runs what
//! waits in it as one transaction after another.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use rowlock_entities::EventId;

use super::{
    ledger::{Outcome, Request},
    settler::Settler,
};
use crate::bookings::service::BookingsError;
use crate::{
    coalescing::batches::{Batcher, Bounds, Refusal},
    metrics::Metrics,
};

/// Each its own queue. Clones are the same lanes.
#[derive(Clone, Debug)]
pub(crate) struct Lanes(Vec<Batcher<Settler>>);

/// How many requests may gather where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneBounds {
    pub(crate) lanes: usize,
    /// Requests in one transaction.
    pub(crate) batch: usize,
    /// Requests that wait in each lane.
    pub(crate) queue: usize,
    /// How long a request waits for its transaction to begin.
    pub(crate) wait: Duration,
}

impl Lanes {
    pub(crate) fn new(
        bounds: LaneBounds,
        metrics: &Metrics,
        mut settler: impl FnMut() -> Settler,
    ) -> Self {
        let LaneBounds { lanes, batch, queue, wait } = bounds;
        let lane = |number| {
            let metrics = metrics.queue(&format!("lane-{number}"));
            Batcher::new(settler(), Bounds { batch, queue, wait }, metrics)
        };
        Self((0..lanes.max(1)).map(lane).collect())
    }

    /// What becomes of `request`.
    pub(crate) async fn settle(&self, request: Request) -> Result<Outcome, BookingsError> {
        let answer = self.of(request.event_id()).call(request).await;
        answer.unwrap_or_else(|refusal| {
            Err(match refusal {
                Refusal::Full | Refusal::Overdue => BookingsError::Crowded,
                Refusal::Broken => BookingsError::Internal("a batch broke off".to_owned()),
            })
        })
    }

    /// Ends when nothing waits or runs in any of them.
    pub(crate) async fn idle(&self) {
        for lane in &self.0 {
            lane.idle().await;
        }
    }

    fn of(&self, event_id: EventId) -> &Batcher<Settler> {
        let mut hasher = DefaultHasher::new();
        event_id.hash(&mut hasher);
        let lane = hasher.finish() % self.0.len() as u64;
        &self.0[lane as usize]
    }
}
