//! The `Attendee` type, lists of attendees, and what was sold of an event.

use async_graphql::{Context, SimpleObject};
use rowlock_entities::BookingId;

use super::{
    booking::{Booking, BookingStatus},
    errors::ApiError,
    event::Event,
    input,
    money::Money,
    pagination::{Connection, Listing, PageArgs, decode_cursor, encode_cursor},
};
use crate::bookings::{self, AttendeeFilter, Bookings, Sales};

/// Longest text to search attendees for, in characters.
const MAX_SEARCH_CHARS: usize = 200;
/// Maximum number of words in it.
const MAX_SEARCH_WORDS: usize = 10;

/// A booking of an event with the person who made it.
#[derive(SimpleObject)]
pub(super) struct Attendee {
    /// The booking.
    booking: Booking,
    /// The person's name; `Deleted account` if they have deleted theirs.
    name: String,
    /// The person's email address; empty if they have deleted their account.
    email: String,
}

/// A searched list of an event's attendees.
#[derive(Debug)]
pub(super) struct AttendeeListing(AttendeeFilter);

pub(super) type AttendeeConnection = Connection<AttendeeListing>;

impl Listing for AttendeeListing {
    type Node = Attendee;
    const CONNECTION_NAME: &'static str = "AttendeeConnection";
    const EDGE_NAME: &'static str = "AttendeeEdge";

    fn cursor(&self, attendee: &Attendee) -> Result<String, ApiError> {
        encode_cursor(&attendee.booking.0.id.0)
    }

    async fn count(&self, ctx: &Context<'_>) -> Result<u64, ApiError> {
        Ok(ctx.data_unchecked::<Bookings>().count_attendees(&self.0).await?)
    }
}

impl AttendeeConnection {
    /// Reads the page of attendees that `args` request. The caller has checked the permission.
    pub(super) async fn read(
        ctx: &Context<'_>,
        event: &Event,
        search: &str,
        status: Option<BookingStatus>,
        args: PageArgs,
    ) -> Result<Self, ApiError> {
        input::text("search", search, MAX_SEARCH_CHARS)?;
        if search.split_whitespace().count() > MAX_SEARCH_WORDS {
            let message = format!("search can have at most {MAX_SEARCH_WORDS} words.");
            return Err(ApiError::field("search", message));
        }
        let filter = AttendeeFilter::new(event.0.id, status.map(Into::into), search);
        let request = args.check(|raw| decode_cursor(raw).map(BookingId))?;
        let page = ctx.data_unchecked::<Bookings>().attendees(&filter, &request).await?;
        let page = page.map_rows(|rows| {
            rows.into_iter()
                .map(|bookings::Attendee { booking, name, email }| Attendee {
                    booking: Booking(booking),
                    name,
                    email,
                })
                .collect()
        });
        Ok(Self { listing: AttendeeListing(filter), page })
    }
}

/// What was sold of an event.
#[derive(SimpleObject)]
pub(super) struct EventSales {
    /// The number of bookings that hold tickets.
    confirmed_bookings: i32,
    /// The number of bookings that were cancelled.
    cancelled_bookings: i32,
    /// The number of tickets that are booked.
    sold_tickets: i32,
    /// What these tickets cost together, at the prices at which they were booked.
    takings: Money,
}

impl EventSales {
    /// Sums up the event's bookings. The caller has checked the permission.
    pub(super) async fn read(ctx: &Context<'_>, event: &Event) -> Result<Self, ApiError> {
        let sales = ctx.data_unchecked::<Bookings>().sales(event.0.id).await?;
        let Sales { confirmed_bookings, cancelled_bookings, sold_tickets, takings_minor } = sales;
        let number = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
        Ok(Self {
            confirmed_bookings: number(confirmed_bookings),
            cancelled_bookings: number(cancelled_bookings),
            sold_tickets: number(sold_tickets),
            takings: Money::from_minor(takings_minor, &event.0.currency),
        })
    }
}
