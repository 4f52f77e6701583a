//! The mutation `cancelAttendeeBooking`.

use async_graphql::{Context, ID, InputObject, Object};

use super::{
    cancel_booking::CancelBookingResult, errors::ApiError, input, permission::PermissionExt,
    viewer::ViewerExt,
};
use crate::{
    bookings::Bookings,
    events::Events,
    organizers::{Action, Membership, Organizers},
};

#[derive(Default)]
pub(super) struct CancelAttendeeBookingMutation;

#[Object]
impl CancelAttendeeBookingMutation {
    /// Cancels the booking of a buyer and frees its tickets, also after the event has started. OWNER
    /// and MANAGER of the event's organizer may do this. A second cancellation changes nothing.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `NOT_FOUND` (also for bookings of events of other
    /// organizers), `BAD_USER_INPUT`, `RATE_LIMITED`, `UNAVAILABLE`.
    async fn cancel_attendee_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking to cancel, and why.")] input: CancelAttendeeBookingInput,
    ) -> Result<CancelBookingResult, ApiError> {
        let user = ctx.signed_in_user()?;
        let id = input::id("bookingId", &input.booking_id)?;
        let reason = input::reason(input.reason)?;
        let bookings = ctx.data_unchecked::<Bookings>();
        let not_found = || ApiError::NotFound("booking");
        let booking = Box::pin(bookings.find_of_anybody(id)).await?.ok_or_else(not_found)?;
        let event = Box::pin(ctx.data_unchecked::<Events>().find(booking.event_id)).await?;
        let event = event.ok_or_else(not_found)?;
        let membership = Membership { organizer: event.organizer_id, user };
        // Who is no member must not learn that there is such a booking.
        Box::pin(ctx.data_unchecked::<Organizers>().role(membership))
            .await?
            .ok_or_else(not_found)?;
        Box::pin(ctx.check_permission(event.organizer_id, Action::CancelBookings)).await?;
        Ok(Box::pin(bookings.cancel_for_organizer(&booking, reason)).await?.into())
    }
}

/// The booking of a buyer to cancel.
#[derive(InputObject)]
struct CancelAttendeeBookingInput {
    /// The booking's id.
    booking_id: ID,
    /// The reason, which the buyer is told; up to 1,000 characters.
    reason: String,
}
