//! The mutation `cancelBooking`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Union};

use super::{booking::Booking, errors::ApiError, input, problem::BookingClosed, viewer::ViewerExt};
use crate::{bookings::Bookings, inventory::CancelOutcome, limits::RateLimits};

#[derive(Default)]
pub(super) struct CancelBookingMutation;

#[Object]
impl CancelBookingMutation {
    /// Cancels a booking of the signed-in user and frees its tickets. A second cancellation returns
    /// the same cancelled booking and changes nothing. Once a ticket was checked in at the door, the
    /// booking can't be cancelled.
    ///
    /// Errors: `UNAUTHENTICATED`, `NOT_FOUND` (also for another user's booking), `BAD_USER_INPUT`,
    /// `RATE_LIMITED`, `UNAVAILABLE`.
    async fn cancel_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking to cancel.")] input: CancelBookingInput,
    ) -> Result<CancelBookingResult, ApiError> {
        let user = ctx.signed_in_user()?;
        let booking = input::id("bookingId", &input.booking_id)?;
        ctx.data_unchecked::<Arc<RateLimits>>().check_booking(user)?;
        Ok(Box::pin(ctx.data_unchecked::<Bookings>().cancel(user, booking)).await?.into())
    }
}

/// The booking to cancel.
#[derive(InputObject)]
pub(super) struct CancelBookingInput {
    /// The booking's id.
    booking_id: ID,
}

/// The outcome of an attempt to cancel.
#[derive(Union)]
pub(super) enum CancelBookingResult {
    Success(CancelBookingSuccess),
    Closed(BookingClosed),
}

/// The booking is cancelled, now or by an earlier request.
#[derive(SimpleObject)]
pub(super) struct CancelBookingSuccess {
    /// The cancelled booking.
    booking: Booking,
}

impl From<CancelOutcome> for CancelBookingResult {
    fn from(outcome: CancelOutcome) -> Self {
        match outcome {
            CancelOutcome::Cancelled(booking) => {
                Self::Success(CancelBookingSuccess { booking: Booking(booking) })
            }
            CancelOutcome::Closed(event) => Self::Closed(BookingClosed::for_cancelling(event)),
            CancelOutcome::TicketUsed(event) => Self::Closed(BookingClosed::for_used_ticket(event)),
        }
    }
}
