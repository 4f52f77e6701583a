//! Finds the covers of events, many in one query.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use rowlock_entities::EventId;
use sea_orm::DbErr;

use super::{cover::Cover, store};
use crate::{
    coalescing::{Latecomers, Question, Runner},
    database::Database,
};

/// Runs batches of lookups, and keeps nothing between them.
#[derive(Debug)]
pub(super) struct CoversByEvent(pub(super) Database);

impl Runner for CoversByEvent {
    type Call = Question<EventId, Result<Option<Arc<Cover>>, DbErr>>;

    async fn run(&self, questions: Vec<Self::Call>, _: &Latecomers<'_, Self::Call>) {
        let events: HashSet<EventId> = questions.iter().map(|question| question.key).collect();
        let found = store::find_covers(self.0.reads(), events).await.map(|covers| {
            let by_event = covers.into_iter().map(|(event, cover)| (event, Arc::new(cover)));
            by_event.collect::<HashMap<EventId, Arc<Cover>>>()
        });
        for question in questions {
            let cover = match &found {
                Ok(covers) => Ok(covers.get(&question.key).cloned()),
                Err(error) => Err(error.clone()),
            };
            question.answer(cover);
        }
    }
}
