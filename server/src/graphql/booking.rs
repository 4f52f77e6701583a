//! The `Booking` type, and lists of bookings.

use async_graphql::{Context, Enum, ID, Object};
use rowlock_entities::{BookingId, UserId, booking};

use super::{
    errors::ApiError,
    event::Event,
    pagination::{Connection, Listing, PageArgs, decode_cursor, encode_cursor},
    scalars::DateTime,
};
use crate::bookings::{BookingFilter, Bookings};

/// Whether a booking holds its tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "booking::Status")]
pub(super) enum BookingStatus {
    /// The booking holds its tickets.
    Confirmed,
    /// The booking was cancelled and holds no tickets.
    Cancelled,
}

#[derive(Clone, Debug)]
pub(super) struct Booking(pub(super) booking::Model);

/// Tickets of one event, booked by one user.
#[Object]
impl Booking {
    /// UUIDv7.
    pub(super) async fn id(&self) -> ID {
        self.0.id.0.into()
    }

    /// The event that the tickets are for.
    async fn event(&self, ctx: &Context<'_>) -> Result<Event, ApiError> {
        Event::load(ctx, self.0.event_id).await
    }

    /// The number of tickets, from 1 to 10.
    async fn quantity(&self) -> i32 {
        self.0.quantity
    }

    /// Whether the booking still holds its tickets.
    async fn status(&self) -> BookingStatus {
        self.0.status.into()
    }

    /// The time when the booking was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// The time when the booking was cancelled; null while it is confirmed.
    async fn cancelled_at(&self) -> Option<DateTime> {
        self.0.cancelled_at.map(DateTime)
    }
}

/// A user's bookings, with any status or with a given one.
#[derive(Debug)]
pub(super) struct BookingListing(BookingFilter);

pub(super) type BookingConnection = Connection<BookingListing>;

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
    /// Reads the page of `user`'s bookings that `args` request.
    pub(super) async fn read(
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
