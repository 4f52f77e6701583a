//! Finds when tickets were checked in, many in one query.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use rowlock_entities::BookingId;
use sea_orm::DbErr;

use super::store;
use crate::{
    coalescing::{Latecomers, Question, Runner},
    database::Database,
};

/// When each ticket of a booking that is in was checked in, by its number.
pub(super) type CheckInTimes = Arc<HashMap<i32, DateTime<Utc>>>;

/// Runs batches of lookups, and keeps nothing between them.
#[derive(Debug)]
pub(super) struct CheckInsOfBookings(pub(super) Database);

impl Runner for CheckInsOfBookings {
    type Call = Question<BookingId, Result<CheckInTimes, DbErr>>;

    async fn run(&self, questions: Vec<Self::Call>, _: &Latecomers<'_, Self::Call>) {
        let bookings: HashSet<BookingId> = questions.iter().map(|question| question.key).collect();
        let found = store::find_check_ins_of(self.0.reads(), bookings).await.map(|check_ins| {
            let mut by_booking: HashMap<BookingId, HashMap<i32, DateTime<Utc>>> = HashMap::new();
            for check_in in check_ins {
                let times = by_booking.entry(check_in.booking_id).or_default();
                times.insert(check_in.number, check_in.checked_in_at);
            }
            let shared = by_booking.into_iter().map(|(booking, times)| (booking, Arc::new(times)));
            shared.collect::<HashMap<BookingId, CheckInTimes>>()
        });
        for question in questions {
            let times = match &found {
                Ok(times) => Ok(times.get(&question.key).cloned().unwrap_or_default()),
                Err(error) => Err(error.clone()),
            };
            question.answer(times);
        }
    }
}
