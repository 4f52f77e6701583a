//! Finds the confirmed bookings of users for events, many in one query.

use std::collections::HashMap;

use rowlock_entities::{EventId, UserId, booking};
use sea_orm::DbErr;

use super::store::{self, UserAtEvent};
use crate::{
    coalescing::{Latecomers, Question, Runner},
    database::Database,
};

/// Runs batches of lookups, and keeps nothing between them.
#[derive(Debug)]
pub(super) struct ConfirmedBookings(pub(super) Database);

impl Runner for ConfirmedBookings {
    type Call = Question<UserAtEvent, Result<Option<booking::Model>, DbErr>>;

    async fn run(&self, questions: Vec<Self::Call>, _: &Latecomers<'_, Self::Call>) {
        let asked: Vec<UserAtEvent> = questions.iter().map(|question| question.key).collect();
        let found = store::find_confirmed(self.0.reads(), &asked).await.map(|rows| {
            let by_key = rows.into_iter().filter_map(|row| {
                let user = UserId(row.value("user_id")?);
                let event = EventId(row.value("event_id")?);
                Some((UserAtEvent { user, event }, row.read))
            });
            by_key.collect::<HashMap<UserAtEvent, Result<booking::Model, DbErr>>>()
        });
        for question in questions {
            let booking = match &found {
                Ok(bookings) => bookings.get(&question.key).cloned().transpose(),
                Err(error) => Err(error.clone()),
            };
            question.answer(booking);
        }
    }
}
