//! Finds the confirmed bookings of users for events, many in one query.

use std::collections::HashMap;

use rowlock_entities::booking;
use sea_orm::DbErr;

use super::store::{self, UserAtEvent};
use crate::{
    coalescing::{Question, Runner},
    database::Database,
};

/// Runs batches of lookups, and keeps nothing between them.
#[derive(Debug)]
pub(super) struct ConfirmedBookings(pub(super) Database);

impl Runner for ConfirmedBookings {
    type Call = Question<UserAtEvent, Result<Option<booking::Model>, DbErr>>;

    async fn run(&self, questions: Vec<Self::Call>) {
        let asked: Vec<UserAtEvent> = questions.iter().map(|question| question.key).collect();
        let key = |b: &booking::Model| UserAtEvent { user: b.user_id, event: b.event_id };
        let found = store::find_confirmed(self.0.reads(), &asked).await.map(|bookings| {
            let bookings = bookings.into_iter().map(|booking| (key(&booking), booking));
            bookings.collect::<HashMap<UserAtEvent, booking::Model>>()
        });
        for question in questions {
            let booking = match &found {
                Ok(bookings) => Ok(bookings.get(&question.key).cloned()),
                Err(error) => Err(error.clone()),
            };
            question.answer(booking);
        }
    }
}
