//! Finds out whether people have verified their email, many in one query.

use std::collections::{HashMap, HashSet};

use rowlock_entities::UserId;
use sea_orm::DbErr;

use super::store;
use crate::{
    coalescing::{Latecomers, Question, Runner},
    database::Database,
};

/// Runs batches of lookups, and keeps nothing between them.
#[derive(Debug)]
pub(super) struct VerifiedEmails(pub(super) Database);

impl Runner for VerifiedEmails {
    /// `None` if there is no such user.
    type Call = Question<UserId, Result<Option<bool>, DbErr>>;

    async fn run(&self, questions: Vec<Self::Call>, _: &Latecomers<'_, Self::Call>) {
        let ids: HashSet<UserId> = questions.iter().map(|question| question.key).collect();
        let found = store::find_users(self.0.reads(), ids).await.map(|users| {
            let by_id = users.into_iter().map(|user| (user.id, user.email_verified_at.is_some()));
            by_id.collect::<HashMap<UserId, bool>>()
        });
        for question in questions {
            let is_verified = match &found {
                Ok(verified) => Ok(verified.get(&question.key).copied()),
                Err(error) => Err(error.clone()),
            };
            question.answer(is_verified);
        }
    }
}
