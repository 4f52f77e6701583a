//! The lanes that all commands go through. Each event hashes to one lane. A lane runs one
//! transaction after another, each for the commands that wait when it begins, and for those
//! that arrive while it waits for its locks.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use rowlock_entities::EventId;
use tokio::sync::oneshot;

use super::{
    command::{Command, InventoryError},
    pending::pending,
    settings::BookingArgs,
    settler::Settler,
};
use crate::{
    clock::Clock, coalescing::Batcher, database::Database, jobs::Queue, live::Hub, metrics::Metrics,
};

/// Carries out commands and returns their outcomes. Clones share the lanes.
#[derive(Clone, Debug)]
pub(crate) struct Inventory {
    lanes: Arc<[Batcher<Settler>]>,
    metrics: Metrics,
}

impl Inventory {
    pub(crate) fn new(
        db: &Database,
        clock: &Clock,
        hub: &Hub,
        jobs: &Queue,
        metrics: &Metrics,
        settings: &BookingArgs,
    ) -> Self {
        let lane = |number| {
            let (db, clock, hub, jobs) = (db.clone(), clock.clone(), hub.clone(), jobs.clone());
            let settler = Settler::new(db, clock, hub, jobs, settings);
            let queue = metrics.queue(&format!("lane-{number}"));
            Batcher::new(settler, settings.lane_bounds(), queue)
        };
        let lanes = (0..settings.lanes(db.backend())).map(lane).collect();
        Self { lanes, metrics: metrics.clone() }
    }

    /// Carries a command out, together with others that wait for the same lane. Once its
    /// transaction has started, it runs to its end even if the caller goes away.
    pub(crate) async fn carry_out<C: Command>(
        &self,
        command: C,
    ) -> Result<C::Outcome, InventoryError> {
        let (caller, outcome) = oneshot::channel();
        self.lane_of(command.event_id()).submit(pending(command, caller));
        let outcome = outcome.await.unwrap_or(Err(InventoryError::BatchPanicked));
        self.metrics
            .command_finished(outcome.as_ref().map_or_else(InventoryError::label, C::label));
        outcome
    }

    /// Waits until no command waits or runs.
    pub(crate) async fn idle(&self) {
        for lane in self.lanes.iter() {
            lane.idle().await;
        }
    }

    fn lane_of(&self, event_id: EventId) -> &Batcher<Settler> {
        let mut hasher = DefaultHasher::new();
        event_id.hash(&mut hasher);
        let lane = hasher.finish() % self.lanes.len() as u64;
        &self.lanes[lane as usize]
    }
}
