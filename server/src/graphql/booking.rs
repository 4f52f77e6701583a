//! The `Booking` type, and lists of bookings.

use async_graphql::{Context, Enum, ID, Object};
use rowlock_entities::{BookingId, UserId, booking};

use super::{
    errors::ApiError,
    event::Event,
    money::Money,
    organizer::Organizer,
    pagination::{Connection, Listing, PageArgs, decode_cursor, encode_cursor},
    scalars::DateTime,
    ticket::Ticket,
};
use crate::{
    bookings::{BookingFilter, Bookings, Entry, Reference, calendar_of_mail},
    clock::Clock,
};

/// The number of tickets that a query's complexity counts for each booking. Most have fewer.
const COUNTED_TICKETS: usize = 5;

/// Whether a booking holds its tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "booking::Status")]
pub(super) enum BookingStatus {
    /// The booking holds its tickets.
    Confirmed,
    /// The booking was cancelled and holds no tickets.
    Cancelled,
}

/// Who cancelled a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "booking::CancelledBy")]
pub(super) enum CancelledBy {
    /// The person who had booked.
    Buyer,
    /// A member of the event's organizer, or the cancellation of the whole event.
    Organizer,
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
        Box::pin(Event::load(ctx, self.0.event_id)).await
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

    /// Who cancelled the booking; null while it is confirmed.
    async fn cancelled_by(&self) -> Option<CancelledBy> {
        self.0.cancelled_by.map(Into::into)
    }

    /// The organizer's reason, if the organizer cancelled the booking or the event.
    async fn cancellation_reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        match self.0.cancelled_by {
            Some(booking::CancelledBy::Organizer) if self.0.cancellation_reason.is_none() => {
                let Event(event) = Box::pin(Event::load(ctx, self.0.event_id)).await?;
                Ok(event.cancellation_reason.clone())
            }
            _ => Ok(self.0.cancellation_reason.clone()),
        }
    }

    /// The booking's tickets, one for each of `quantity`; empty for a cancelled booking.
    #[graphql(complexity = "COUNTED_TICKETS * child_complexity")]
    async fn tickets(&self) -> Vec<Ticket> {
        Ticket::all_of(&self.0)
    }

    /// Ten letters and digits that are short enough to be read out on the telephone, such as
    /// 3QM72-XW43F. It names the booking to the organizer.
    async fn reference(&self) -> String {
        Reference::of(self.0.id).to_string()
    }

    /// What one ticket cost when it was booked.
    async fn unit_price(&self) -> Money {
        Money::from_minor(self.0.unit_price_minor, &self.0.currency)
    }

    /// What all tickets of the booking cost together.
    async fn total_price(&self) -> Money {
        let total = self.0.unit_price_minor.saturating_mul(self.0.quantity.into());
        Money::from_minor(total, &self.0.currency)
    }

    /// The event as an entry for calendar programs: the text of a file of the type text/calendar. A
    /// later file replaces the entry of an earlier one.
    async fn calendar_file(&self, ctx: &Context<'_>) -> Result<String, ApiError> {
        let Event(event) = Box::pin(Event::load(ctx, self.0.event_id)).await?;
        let Organizer(organizer) = Box::pin(Organizer::load(ctx, event.organizer_id)).await?;
        let entry = Entry { booking: &self.0, event: &event, organizer: &organizer.name };
        let (postman, now) = (ctx.data_unchecked(), ctx.data_unchecked::<Clock>().now());
        Ok(calendar_of_mail(entry, postman, now).file)
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
        Ok(Box::pin(ctx.data_unchecked::<Bookings>().count(&self.0)).await?)
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
