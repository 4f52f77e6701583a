//! Bookings in the schema: `bookEvent`, `cancelBooking` and what they answer.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Interface, Object, SimpleObject, Union};
use rowlock_entities::{BookingId, UserId, booking};

use super::{
    errors::ApiError,
    events::Event,
    input::{self, Int},
    scalars::DateTime,
};
use crate::bookings::{
    Bookings,
    service::{BookAnswer, CancelAnswer},
    store::BookingFilter,
};
use crate::{
    accounts::access_tokens::ViewerExt,
    pagination::{Connection, Listing, PageArgs, decode_cursor, encode_cursor},
    rate_limit::RateLimits,
};

const MOST_TICKETS: i32 = 10;
const LONGEST_KEY: usize = 128;

/// Whether a booking holds its tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "booking::Status")]
pub(crate) enum BookingStatus {
    /// It holds them.
    Confirmed,
    /// It was cancelled and holds none.
    Cancelled,
}

#[derive(Clone, Debug)]
pub(crate) struct Booking(pub(crate) booking::Model);

/// Tickets of one event, booked by one user.
#[Object]
impl Booking {
    /// UUIDv7.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.0.into()
    }

    /// The event that the tickets are for.
    async fn event(&self, ctx: &Context<'_>) -> Result<Event, ApiError> {
        Event::load(ctx, self.0.event_id).await
    }

    /// How many tickets, 1 to 10.
    async fn quantity(&self) -> i32 {
        self.0.quantity
    }

    /// Whether it still holds its tickets.
    async fn status(&self) -> BookingStatus {
        self.0.status.into()
    }

    /// When it was booked.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was cancelled; null while it is confirmed.
    async fn cancelled_at(&self) -> Option<DateTime> {
        self.0.cancelled_at.map(DateTime)
    }
}

/// A user's bookings, perhaps of one status only.
#[derive(Debug)]
pub(crate) struct BookingListing(BookingFilter);

pub(crate) type BookingConnection = Connection<BookingListing>;

impl Listing for BookingListing {
    type Node = Booking;
    const CONNECTION_NAME: &'static str = "BookingConnection";
    const EDGE_NAME: &'static str = "BookingEdge";

    fn cursor(&self, booking: &Booking) -> Result<String, ApiError> {
        encode_cursor(&booking.0.id.0)
    }

    async fn count(&self, ctx: &Context<'_>) -> Result<u64, ApiError> {
        Ok(ctx.data_unchecked::<Bookings>().count(&self.0).await?)
    }
}

impl BookingConnection {
    /// The page of `user`'s bookings that `args` ask for.
    pub(crate) async fn read(
        ctx: &Context<'_>,
        user: UserId,
        status: Option<BookingStatus>,
        args: PageArgs,
    ) -> Result<Self, ApiError> {
        let filter = BookingFilter { user, status: status.map(Into::into) };
        let request = args.check(|raw| decode_cursor(raw).map(BookingId))?;
        let page = ctx.data_unchecked::<Bookings>().page(&filter, &request).await?;
        Ok(Self {
            listing: BookingListing(filter),
            page: page.map(|booking| Booking(booking.clone())),
        })
    }
}

#[derive(Default)]
pub(crate) struct BookingsMutation;

#[Object]
impl BookingsMutation {
    /// Books tickets for the signed-in user: all that are asked for, or none.
    ///
    /// Errors: `UNAUTHENTICATED`, `NOT_FOUND`, `BAD_USER_INPUT`, `RATE_LIMITED`, `UNAVAILABLE`.
    async fn book_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to book.")] input: BookEventInput,
    ) -> Result<BookEventResult, ApiError> {
        let user = ctx.signed_in_user()?;
        let event = input::id("eventId", &input.event_id)?;
        let Int(quantity) = input.quantity;
        if !(1..=MOST_TICKETS).contains(&quantity) {
            return Err(ApiError::field("quantity", format!("quantity is 1 to {MOST_TICKETS}.")));
        }
        if let Some(key) = &input.idempotency_key {
            if key.is_empty() {
                return Err(ApiError::field("idempotencyKey", "idempotencyKey is empty."));
            }
            input::text("idempotencyKey", key, LONGEST_KEY)?;
        }
        ctx.data_unchecked::<Arc<RateLimits>>().check_booking(user)?;
        let bookings = ctx.data_unchecked::<Bookings>();
        Ok(bookings.book(user, event, quantity, input.idempotency_key).await?.into())
    }

    /// Cancels a booking of the signed-in user and returns its tickets. Cancelling twice gives the
    /// same cancelled booking, and returns the tickets once.
    ///
    /// Errors: `UNAUTHENTICATED`, `NOT_FOUND` (also for another user's booking), `BAD_USER_INPUT`,
    /// `RATE_LIMITED`, `UNAVAILABLE`.
    async fn cancel_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to cancel.")] input: CancelBookingInput,
    ) -> Result<CancelBookingResult, ApiError> {
        let user = ctx.signed_in_user()?;
        let booking = input::id("bookingId", &input.booking_id)?;
        ctx.data_unchecked::<Arc<RateLimits>>().check_booking(user)?;
        Ok(ctx.data_unchecked::<Bookings>().cancel(user, booking).await?.into())
    }
}

/// What to book.
#[derive(InputObject)]
pub(crate) struct BookEventInput {
    /// The event's id.
    event_id: ID,
    /// How many tickets, 1 to 10.
    #[graphql(default_with = "Int(1)")]
    quantity: Int,
    /// A text of your choice, 1 to 128 characters, such as a UUID: a retry with the same key gives
    /// the first attempt's booking, as a success, and books nothing more.
    idempotency_key: Option<String>,
}

/// What to cancel.
#[derive(InputObject)]
pub(crate) struct CancelBookingInput {
    /// The booking's id.
    booking_id: ID,
}

/// An expected refusal, with what a client needs to react to it.
#[derive(Interface)]
#[graphql(field(name = "message", ty = "&String", desc = "One sentence to show to the person."))]
pub(crate) enum Problem {
    SoldOut(SoldOut),
    AlreadyBooked(AlreadyBooked),
    BookingClosed(BookingClosed),
}

/// What became of an attempt to book.
#[derive(Union)]
pub(crate) enum BookEventResult {
    Success(BookEventSuccess),
    SoldOut(SoldOut),
    AlreadyBooked(AlreadyBooked),
    Closed(BookingClosed),
}

/// What became of an attempt to cancel.
#[derive(Union)]
pub(crate) enum CancelBookingResult {
    Success(CancelBookingSuccess),
    Closed(BookingClosed),
}

/// The tickets are booked.
#[derive(SimpleObject)]
pub(crate) struct BookEventSuccess {
    /// The new booking, or the first attempt's when this was a retry.
    booking: Booking,
}

/// Fewer tickets are left than were asked for.
#[derive(SimpleObject)]
pub(crate) struct SoldOut {
    /// One sentence to show to the person.
    message: String,
    /// How many were left when it was decided; a smaller quantity may still be had.
    remaining_tickets: i32,
    /// The event.
    event: Event,
}

/// The user has a confirmed booking of this event already.
#[derive(SimpleObject)]
pub(crate) struct AlreadyBooked {
    /// One sentence to show to the person.
    message: String,
    /// That booking.
    booking: Booking,
}

/// The event has started.
#[derive(SimpleObject)]
pub(crate) struct BookingClosed {
    /// One sentence to show to the person.
    message: String,
    /// The event.
    event: Event,
}

/// The booking is cancelled, now or before.
#[derive(SimpleObject)]
pub(crate) struct CancelBookingSuccess {
    /// The cancelled booking.
    booking: Booking,
}

impl From<BookAnswer> for BookEventResult {
    fn from(answer: BookAnswer) -> Self {
        match answer {
            BookAnswer::Success(booking) => {
                Self::Success(BookEventSuccess { booking: Booking(booking) })
            }
            BookAnswer::SoldOut(event) => Self::SoldOut(SoldOut {
                message: match event.remaining_tickets {
                    0 => format!("Sorry, {} is sold out.", event.title),
                    1 => format!("Sorry, only 1 ticket is left for {}.", event.title),
                    left => format!("Sorry, only {left} tickets are left for {}.", event.title),
                },
                remaining_tickets: event.remaining_tickets,
                event: Event(event),
            }),
            BookAnswer::AlreadyBooked(booking) => Self::AlreadyBooked(AlreadyBooked {
                message: "You have already booked this event.".to_owned(),
                booking: Booking(booking),
            }),
            BookAnswer::Closed(event) => Self::Closed(BookingClosed {
                message: format!("{} has started; it can't be booked any more.", event.title),
                event: Event(event),
            }),
        }
    }
}

impl From<CancelAnswer> for CancelBookingResult {
    fn from(answer: CancelAnswer) -> Self {
        match answer {
            CancelAnswer::Success(booking) => {
                Self::Success(CancelBookingSuccess { booking: Booking(booking) })
            }
            CancelAnswer::Closed(event) => Self::Closed(BookingClosed {
                message: format!("{} has started; it can't be cancelled any more.", event.title),
                event: Event(event),
            }),
        }
    }
}
