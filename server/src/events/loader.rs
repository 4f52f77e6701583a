//! Finds events by id, many in one query.

use std::{collections::HashMap, sync::Arc};

use rowlock_entities::{EventId, event};
use sea_orm::DbErr;

use crate::{
    coalescing::{Latecomers, Question, Runner},
    database::{Database, find_each_by_id},
};

/// Runs batches of lookups, and keeps nothing between them.
#[derive(Debug)]
pub(super) struct EventsById(pub(super) Database);

impl Runner for EventsById {
    type Call = Question<EventId, Result<Option<Arc<event::Model>>, DbErr>>;

    async fn run(&self, questions: Vec<Self::Call>, _: &Latecomers<'_, Self::Call>) {
        let mut ids: Vec<EventId> = questions.iter().map(|question| question.key).collect();
        ids.sort_unstable();
        ids.dedup();
        let ids = ids.into_iter().map(|id| id.0);
        let found = find_each_by_id::<event::Entity>(self.0.reads(), event::Column::Id, ids).await;
        let found = found.map(|rows| {
            let by_id = rows
                .into_iter()
                .filter_map(|row| Some((EventId(row.value("id")?), row.read.map(Arc::new))));
            by_id.collect::<HashMap<EventId, Result<Arc<event::Model>, DbErr>>>()
        });
        for question in questions {
            let event = match &found {
                Ok(events) => events.get(&question.key).cloned().transpose(),
                Err(error) => Err(error.clone()),
            };
            question.answer(event);
        }
    }
}
