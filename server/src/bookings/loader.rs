//! Reads who holds a booking of what, many in one query.

use std::collections::HashMap;

use rowlock_entities::{EventId, UserId, booking};
use sea_orm::DbErr;

use super::store;
use crate::{coalescing::batches::Runner, database::Database};

/// A user's possible booking of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seat {
    pub(crate) user: UserId,
    pub(crate) event: EventId,
}

/// Runs batches of seats asked for. Keeps nothing between them.
#[derive(Debug)]
pub(crate) struct ConfirmedBookings(pub(crate) Database);

impl Runner for ConfirmedBookings {
    type Call = Seat;
    type Answer = Result<Option<booking::Model>, DbErr>;

    async fn run(&self, seats: Vec<Seat>, mut answer: impl FnMut(usize, Self::Answer) + Send) {
        let found = store::find_confirmed(self.0.reads(), &seats).await;
        let seat = |b: &booking::Model| Seat { user: b.user_id, event: b.event_id };
        let found = found.map(|bookings| -> HashMap<Seat, booking::Model> {
            bookings.into_iter().map(|booking| (seat(&booking), booking)).collect()
        });
        for (place, seat) in seats.iter().enumerate() {
            answer(
                place,
                found.as_ref().map(|found| found.get(seat).cloned()).map_err(Clone::clone),
            );
        }
    }
}
