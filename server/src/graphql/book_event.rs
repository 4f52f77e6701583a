//! The mutation `bookEvent`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Union};
use rowlock_entities::EventId;

use super::{
    booking::Booking,
    errors::ApiError,
    input::{self, InputProblems},
    money::MoneyInput,
    problem::{AlreadyBooked, BookingClosed, PriceChanged, SoldOut},
    viewer::ViewerExt,
};
use crate::{
    accounts::Accounts,
    bookings::Bookings,
    events::{MAX_TICKETS_PER_BOOKING, Price},
    field_problem::FieldProblem,
    inventory::BookOutcome,
    limits::RateLimits,
};

const MAX_KEY_CHARS: usize = 128;

#[derive(Default)]
pub(super) struct BookEventMutation;

#[Object]
impl BookEventMutation {
    /// Books tickets for the signed-in user: all that are requested, or none.
    ///
    /// Errors: `UNAUTHENTICATED`, `NOT_FOUND`, `BAD_USER_INPUT`, `RATE_LIMITED`, `UNAVAILABLE`;
    /// `EMAIL_NOT_VERIFIED` where the operator lets only people book who have verified their email.
    async fn book_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The tickets to book.")] input: BookEventInput,
    ) -> Result<BookEventResult, ApiError> {
        let user = ctx.signed_in_user()?;
        let Order { event, quantity, expected_price, key } = input.check()?;
        ctx.data_unchecked::<Arc<RateLimits>>().check_booking(user)?;
        let accounts = ctx.data_unchecked::<Accounts>();
        if accounts.wants_verified_emails() && !Box::pin(accounts.may_book(user)).await? {
            return Err(ApiError::EmailNotVerified);
        }
        let bookings = ctx.data_unchecked::<Bookings>();
        Ok(bookings.book(user, event, quantity, expected_price, key).await?.into())
    }
}

/// The tickets to book.
#[derive(InputObject)]
pub(super) struct BookEventInput {
    /// The event's id.
    event_id: ID,
    /// The number of tickets, from 1 to the event's `maxPerBooking`.
    #[graphql(default = 1)]
    quantity: i32,
    /// A text of your choice with 1 to 128 characters, such as a UUID. A retry with the same key
    /// and event returns the first attempt's booking and books nothing more.
    idempotency_key: Option<String>,
    /// The price of one ticket that the person has seen. If it is another one now, nothing is booked
    /// and the answer is `PriceChanged`.
    expected_unit_price: Option<MoneyInput>,
}

/// A `BookEventInput` that was checked.
struct Order {
    event: EventId,
    quantity: i32,
    expected_price: Option<Price>,
    key: Option<String>,
}

impl BookEventInput {
    fn check(self) -> Result<Order, ApiError> {
        let mut problems = InputProblems::default();
        let event = problems.read(input::id("eventId", &self.event_id));
        if !(1..=MAX_TICKETS_PER_BOOKING).contains(&self.quantity) {
            let message = format!("quantity must be between 1 and {MAX_TICKETS_PER_BOOKING}.");
            problems.note(FieldProblem::new("quantity", message));
        }
        match &self.idempotency_key {
            Some(key) if key.is_empty() => {
                let message = "idempotencyKey is empty: leave it out or give it a text.";
                problems.note(FieldProblem::new("idempotencyKey", message));
            }
            Some(key) => {
                problems.read(input::text("idempotencyKey", key, MAX_KEY_CHARS));
            }
            None => {}
        }
        let expected_price = self.expected_unit_price;
        let expected_price = expected_price.map(|price| price.check("expectedUnitPrice"));
        let expected_price = problems.read(expected_price.transpose()).flatten();
        let (quantity, key) = (self.quantity, self.idempotency_key);
        problems.finish(event.map(|event| Order { event, quantity, expected_price, key }))
    }
}

/// The outcome of an attempt to book.
#[derive(Union)]
pub(super) enum BookEventResult {
    Success(BookEventSuccess),
    SoldOut(SoldOut),
    AlreadyBooked(AlreadyBooked),
    Closed(BookingClosed),
    PriceChanged(PriceChanged),
}

/// The tickets are booked.
#[derive(SimpleObject)]
pub(super) struct BookEventSuccess {
    /// The new booking, or the first attempt's if this was a retry.
    booking: Booking,
}

impl From<BookOutcome> for BookEventResult {
    fn from(outcome: BookOutcome) -> Self {
        match outcome {
            BookOutcome::Booked(booking) => {
                Self::Success(BookEventSuccess { booking: Booking(booking) })
            }
            BookOutcome::SoldOut(event) => Self::SoldOut(SoldOut::new(event)),
            BookOutcome::AlreadyBooked(booking) => Self::AlreadyBooked(AlreadyBooked::new(booking)),
            BookOutcome::Closed(event, reason) => {
                Self::Closed(BookingClosed::for_booking(event, reason))
            }
            BookOutcome::PriceChanged(event) => Self::PriceChanged(PriceChanged::new(event)),
        }
    }
}
