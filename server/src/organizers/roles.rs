//! Finds the roles of users, many in one query.

use std::collections::{HashMap, HashSet};

use rowlock_entities::{UserId, organizer_member::Role};
use sea_orm::DbErr;

use super::store::{self, Membership};
use crate::{
    coalescing::{Latecomers, Question, Runner},
    database::Database,
};

/// Runs batches of lookups, and keeps nothing between them. So a role that was taken away is gone at
/// the next request.
#[derive(Debug)]
pub(super) struct Roles(pub(super) Database);

impl Runner for Roles {
    type Call = Question<Membership, Result<Option<Role>, DbErr>>;

    async fn run(&self, questions: Vec<Self::Call>, _: &Latecomers<'_, Self::Call>) {
        let users: HashSet<UserId> = questions.iter().map(|question| question.key.user).collect();
        let found = store::find_memberships(self.0.reads(), users).await.map(|rows| {
            let by_key = rows.into_iter().map(|row| {
                (Membership { organizer: row.organizer_id, user: row.user_id }, row.role)
            });
            by_key.collect::<HashMap<Membership, Role>>()
        });
        for question in questions {
            let role = match &found {
                Ok(roles) => Ok(roles.get(&question.key).copied()),
                Err(error) => Err(error.clone()),
            };
            question.answer(role);
        }
    }
}
