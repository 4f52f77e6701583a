//! Reads events by id, many in one query.

use std::{collections::HashMap, sync::Arc};

use rowlock_entities::{EventId, event};
use sea_orm::DbErr;

use super::store;
use crate::{coalescing::batches::Runner, database::Database};

/// Runs batches of events asked for by id. Keeps nothing between them.
#[derive(Debug)]
pub(crate) struct EventsById(pub(crate) Database);

impl Runner for EventsById {
    type Call = EventId;
    type Answer = Result<Option<Arc<event::Model>>, DbErr>;

    async fn run(&self, ids: Vec<EventId>, mut answer: impl FnMut(usize, Self::Answer) + Send) {
        let mut distinct = ids.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let found = store::find_events(self.0.reads(), distinct).await;
        let found = found.map(|events| -> HashMap<EventId, Arc<event::Model>> {
            events.into_iter().map(|event| (event.id, Arc::new(event))).collect()
        });
        for (place, id) in ids.iter().enumerate() {
            answer(
                place,
                found.as_ref().map(|events| events.get(id).cloned()).map_err(Clone::clone),
            );
        }
    }
}
