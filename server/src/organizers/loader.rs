//! Finds organizers by id, many in one query.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use rowlock_entities::{OrganizerId, organizer};
use sea_orm::DbErr;

use super::store;
use crate::{
    coalescing::{Latecomers, Question, Runner},
    database::Database,
};

/// Runs batches of lookups, and keeps nothing between them.
#[derive(Debug)]
pub(super) struct OrganizersById(pub(super) Database);

impl Runner for OrganizersById {
    type Call = Question<OrganizerId, Result<Option<Arc<organizer::Model>>, DbErr>>;

    async fn run(&self, questions: Vec<Self::Call>, _: &Latecomers<'_, Self::Call>) {
        let ids: HashSet<OrganizerId> = questions.iter().map(|question| question.key).collect();
        let found = store::find_organizers(self.0.reads(), ids).await.map(|rows| {
            let by_id = rows.into_iter().map(|row| (row.id, Arc::new(row)));
            by_id.collect::<HashMap<OrganizerId, Arc<organizer::Model>>>()
        });
        for question in questions {
            let organizer = match &found {
                Ok(organizers) => Ok(organizers.get(&question.key).cloned()),
                Err(error) => Err(error.clone()),
            };
            question.answer(organizer);
        }
    }
}
