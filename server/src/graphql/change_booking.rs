//! The mutation `changeBooking`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Union};
use rowlock_entities::BookingId;

use super::{
    booking::Booking,
    errors::ApiError,
    input::{self, InputProblems},
    problem::{BookingCancelled, BookingClosed, PriceChanged, SoldOut},
    viewer::ViewerExt,
};
use crate::{
    bookings::Bookings, events::MAX_TICKETS_PER_BOOKING, field_problem::FieldProblem,
    inventory::ChangeOutcome, limits::RateLimits,
};

#[derive(Default)]
pub(super) struct ChangeBookingMutation;

#[Object]
impl ChangeBookingMutation {
    /// Sets the number of tickets of a booking of the signed-in user. Repeated, it changes nothing
    /// more. Tickets can be returned until the event starts, but none that was checked in at the door:
    /// the tickets with the highest numbers are returned first. More tickets can be had while the
    /// event is on sale, all that are requested or none, and only at the price of the booking.
    ///
    /// Errors: `UNAUTHENTICATED`, `NOT_FOUND` (also for another user's booking), `BAD_USER_INPUT`,
    /// `RATE_LIMITED`, `UNAVAILABLE`.
    async fn change_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking and its new number of tickets.")] input: ChangeBookingInput,
    ) -> Result<ChangeBookingResult, ApiError> {
        let user = ctx.signed_in_user()?;
        let (booking, quantity) = input.check()?;
        ctx.data_unchecked::<Arc<RateLimits>>().check_booking(user)?;
        let bookings = ctx.data_unchecked::<Bookings>();
        Ok(Box::pin(bookings.change(user, booking, quantity)).await?.into())
    }
}

/// The booking and its new number of tickets.
#[derive(InputObject)]
struct ChangeBookingInput {
    /// The booking's id.
    booking_id: ID,
    /// The number of tickets that the booking is to have, from 1 to the event's `maxPerBooking`.
    quantity: i32,
}

impl ChangeBookingInput {
    /// The booking's id, and the number of tickets.
    fn check(self) -> Result<(BookingId, i32), ApiError> {
        let mut problems = InputProblems::default();
        let booking = problems.read(input::id("bookingId", &self.booking_id));
        if !(1..=MAX_TICKETS_PER_BOOKING).contains(&self.quantity) {
            let how_to_return = match self.quantity {
                ..1 => " Use cancelBooking to return all tickets.",
                _ => "",
            };
            let message =
                format!("quantity must be between 1 and {MAX_TICKETS_PER_BOOKING}.{how_to_return}");
            problems.note(FieldProblem::new("quantity", message));
        }
        problems.finish(booking.map(|booking| (booking, self.quantity)))
    }
}

/// The outcome of an attempt to change a booking.
#[derive(Union)]
enum ChangeBookingResult {
    Success(ChangeBookingSuccess),
    SoldOut(SoldOut),
    Closed(BookingClosed),
    PriceChanged(PriceChanged),
    Cancelled(BookingCancelled),
}

/// The booking has the requested number of tickets, since now or since before.
#[derive(SimpleObject)]
struct ChangeBookingSuccess {
    /// The booking.
    booking: Booking,
}

impl From<ChangeOutcome> for ChangeBookingResult {
    fn from(outcome: ChangeOutcome) -> Self {
        match outcome {
            ChangeOutcome::Changed(booking) => {
                Self::Success(ChangeBookingSuccess { booking: Booking(booking) })
            }
            ChangeOutcome::SoldOut(event) => Self::SoldOut(SoldOut::for_changing(event)),
            ChangeOutcome::Closed(event, reason) => {
                Self::Closed(BookingClosed::for_changing(event, reason))
            }
            ChangeOutcome::TicketUsed(event) => Self::Closed(BookingClosed::for_used_ticket(event)),
            ChangeOutcome::PriceChanged(event) => {
                Self::PriceChanged(PriceChanged::for_changing(event))
            }
            ChangeOutcome::AlreadyCancelled(booking) => {
                Self::Cancelled(BookingCancelled::new(booking))
            }
        }
    }
}
