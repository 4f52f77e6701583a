//! The `Ticket` type.

use std::sync::Arc;

use async_graphql::{Context, Object};
use rowlock_entities::booking;

use super::{errors::ApiError, scalars::DateTime, viewer::ViewerExt};
use crate::{
    bookings::Reference,
    door::Door,
    tickets::{TicketCodes, TicketNumber},
};

#[derive(Clone, Debug)]
pub(super) struct Ticket {
    booking: Arc<booking::Model>,
    /// From 1.
    number: i32,
}

impl Ticket {
    pub(super) fn new(booking: &Arc<booking::Model>, number: i32) -> Self {
        Self { booking: Arc::clone(booking), number }
    }

    /// The tickets that a booking has now.
    pub(super) fn all_of(booking: &booking::Model) -> Vec<Self> {
        match booking.status {
            booking::Status::Confirmed => {
                let (quantity, booking) = (booking.quantity, Arc::new(booking.clone()));
                (1..=quantity).map(|number| Self::new(&booking, number)).collect()
            }
            booking::Status::Cancelled => Vec::new(),
        }
    }
}

/// A ticket of a booking, which lets one person in.
#[Object]
impl Ticket {
    /// The ticket's number in its booking, from 1.
    async fn number(&self) -> i32 {
        self.number
    }

    /// What the ticket's QR code says. Who has it can go in, so only the person who booked gets it.
    /// For members of the organizer, it is the booking's reference with the number, such as
    /// 3QM72-XW43F/2, which `checkIn` takes as well.
    async fn code(&self, ctx: &Context<'_>) -> Result<String, ApiError> {
        let (id, number) = (self.booking.id, self.number);
        if ctx.viewer()? != Some(self.booking.user_id) {
            return Ok(format!("{}/{number}", Reference::of(id)));
        }
        let number = u8::try_from(number)
            .map_err(|_| ApiError::Internal(format!("booking {id} has a ticket {number}")))?;
        let codes = ctx.data_unchecked::<TicketCodes>();
        Ok(codes.code(TicketNumber { booking: id, number }))
    }

    /// The time when the ticket was checked in at the door; null if it was not.
    async fn checked_in_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime>, ApiError> {
        let door = ctx.data_unchecked::<Door>();
        let at = Box::pin(door.checked_in_at(self.booking.id, self.number)).await?;
        Ok(at.map(DateTime))
    }
}
