//! Counts how many people are in, for many events in one query.

use std::time::Duration;

use rowlock_entities::EventId;
use sea_orm::DbErr;

use super::{arrivals::Arrivals, store};
use crate::{
    coalescing::{Bounds, Latecomers, Question, Runner},
    database::Database,
};

/// The bounds for events whose check-ins are counted.
pub(super) const BOUNDS: Bounds =
    Bounds { max_batch: 50, max_waiting: 2_000, wait_timeout: Duration::from_secs(5) };

/// Counts in batches, and keeps nothing between them. It reads all check-ins of an event, but only
/// one such query runs at a time.
#[derive(Debug)]
pub(super) struct ArrivalsOfEvents(pub(super) Database);

impl Runner for ArrivalsOfEvents {
    type Call = Question<EventId, Result<Arrivals, DbErr>>;

    async fn run(&self, questions: Vec<Self::Call>, _: &Latecomers<'_, Self::Call>) {
        let mut events: Vec<EventId> = questions.iter().map(|question| question.key).collect();
        events.sort_unstable();
        events.dedup();
        let found = store::count_arrivals(self.0.reads(), &events).await;
        for question in questions {
            let arrivals = match &found {
                Ok(arrivals) => Ok(arrivals.get(&question.key).copied().unwrap_or_default()),
                Err(error) => Err(error.clone()),
            };
            question.answer(arrivals);
        }
    }
}
