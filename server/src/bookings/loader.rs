//! Reads who holds a booking of what, many in one query.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use rowlock_entities::{EventId, UserId, booking};
use sea_orm::DbErr;

use super::store;
use crate::database::Database;

/// A user's possible booking of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seat {
    pub(crate) user: UserId,
    pub(crate) event: EventId,
}

/// Batches the `myBooking` fields of a page. Keeps nothing between batches.
#[derive(Debug)]
pub(crate) struct ConfirmedBookingLoader(pub(crate) Database);

impl Loader<Seat> for ConfirmedBookingLoader {
    type Value = booking::Model;
    type Error = DbErr;

    async fn load(&self, seats: &[Seat]) -> Result<HashMap<Seat, booking::Model>, DbErr> {
        let users = seats.iter().map(|seat| seat.user).collect();
        let events = seats.iter().map(|seat| seat.event).collect();
        let bookings = store::find_confirmed(self.0.reads()?, users, events).await?;
        // Bookings of pairs that nobody asked for can be among them, and are not picked up.
        Ok(bookings
            .into_iter()
            .map(|booking| (Seat { user: booking.user_id, event: booking.event_id }, booking))
            .collect())
    }
}
