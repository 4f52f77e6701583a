//! The `Event` type.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use rowlock_entities::{EventId, event};

use super::{
    arrivals::Arrivals,
    attendee::{AttendeeConnection, EventSales},
    booking::{Booking, BookingStatus},
    cover::Cover,
    errors::ApiError,
    money::Money,
    organizer::Organizer,
    pagination::{PageArgs, page_complexity},
    permission::PermissionExt,
    scalars::DateTime,
    viewer::ViewerExt,
};
use crate::{
    bookings::{Bookings, UserAtEvent},
    covers::Covers,
    door::Door,
    events::Events,
    organizers::Action,
};

/// Complexity of a statement that reads all bookings of an event.
const SALES_COMPLEXITY: usize = 20;

/// The additional complexity of a search, which reads all bookings of the event.
fn search_complexity(search: Option<&str>) -> usize {
    match search.is_some_and(|search| !search.trim().is_empty()) {
        true => 80,
        false => 0,
    }
}

/// Whether an event can be seen and booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "event::Status")]
pub(super) enum EventStatus {
    /// Only members of the organizer see it.
    Draft,
    /// Everybody sees it, and can book it while it is on sale.
    Published,
    /// It was cancelled, and stays so.
    Cancelled,
}

#[derive(Clone, Debug)]
pub(super) struct Event(pub(super) Arc<event::Model>);

/// Something to book tickets for.
#[Object]
impl Event {
    /// UUIDv7.
    pub(super) async fn id(&self) -> ID {
        self.0.id.0.into()
    }

    /// The event's title.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// A description of the event, as plain text. Line breaks are meant.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Whether the event can be seen, and booked when it is on sale.
    async fn status(&self) -> EventStatus {
        self.0.status.into()
    }

    /// Grows with every edit, never with a count. `updateEvent` asks for it.
    async fn revision(&self) -> i32 {
        self.0.revision
    }

    /// The organizer's reason, if the event was cancelled.
    async fn cancellation_reason(&self) -> Option<&str> {
        self.0.cancellation_reason.as_deref()
    }

    /// The organizer's own name for the event; null for who is no member of the organizer.
    async fn external_id(&self, ctx: &Context<'_>) -> Result<Option<&str>, ApiError> {
        let Some(external_id) = self.0.external_id.as_deref() else { return Ok(None) };
        let is_member = Box::pin(ctx.may(self.0.organizer_id, Action::SeeDrafts)).await?;
        Ok(is_member.then_some(external_id))
    }

    /// Who puts the event on sale.
    async fn organizer(&self, ctx: &Context<'_>) -> Result<Organizer, ApiError> {
        Box::pin(Organizer::load(ctx, self.0.organizer_id)).await
    }

    /// The time when the event starts. Tickets can be booked and cancelled until then.
    async fn starts_at(&self) -> DateTime {
        DateTime(self.0.starts_at)
    }

    /// The time when the event ends; null if the organizer did not say.
    async fn ends_at(&self) -> Option<DateTime> {
        self.0.ends_at.map(DateTime)
    }

    /// The IANA name of the time zone that the event's times are shown in, such as Europe/Berlin.
    async fn time_zone(&self) -> &str {
        &self.0.time_zone
    }

    /// The time from which tickets can be booked; null: as soon as the event is published.
    async fn sales_start_at(&self) -> Option<DateTime> {
        self.0.sales_start_at.map(DateTime)
    }

    /// The time until which tickets can be booked; null: until the event starts.
    async fn sales_end_at(&self) -> Option<DateTime> {
        self.0.sales_end_at.map(DateTime)
    }

    /// The largest number of tickets in one booking, from 1 to 10.
    async fn max_per_booking(&self) -> i32 {
        self.0.max_per_booking
    }

    /// The city; empty if the organizer did not say.
    async fn city(&self) -> &str {
        &self.0.city
    }

    /// The place where the event is held.
    async fn venue(&self) -> &str {
        &self.0.venue
    }

    /// The number of all tickets, sold or not.
    async fn total_tickets(&self) -> i32 {
        self.0.total_tickets
    }

    /// The number of tickets that are left. The subscription `remainingTickets` reports changes.
    async fn remaining_tickets(&self) -> i32 {
        self.0.remaining_tickets
    }

    /// The price of one ticket.
    async fn price(&self) -> Money {
        Money::from_minor(self.0.price_minor, &self.0.currency)
    }

    /// The picture of the event; null without one. Organizers give it by `PUT /events/ID/cover`.
    async fn cover(&self, ctx: &Context<'_>) -> Result<Option<Cover>, ApiError> {
        let covers = ctx.data_unchecked::<Covers>();
        Ok(covers.find(self.0.id).await?.map(Cover))
    }

    /// Who holds or held tickets, newest booking first; null for who is no member of the organizer.
    ///
    /// Errors: `BAD_USER_INPUT` for wrong page sizes or cursors, and for a search of more than 200
    /// characters or 10 words.
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    #[graphql(complexity = "page_complexity(first, last, child_complexity) \
                      + search_complexity(search.as_deref())")]
    async fn attendees(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Page size, from the start or `after`; 1 to 50. 10 without `first` and `last`."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only attendees after this cursor.")] after: Option<String>,
        #[graphql(desc = "Page size, from the end or `before`; 1 to 50.")] last: Option<i32>,
        #[graphql(desc = "Only attendees before this cursor.")] before: Option<String>,
        #[graphql(
            desc = "Only attendees who have each of these words in their name or email, or \
                          whose booking's reference begins with it."
        )]
        search: Option<String>,
        #[graphql(desc = "Only bookings of this status.")] status: Option<BookingStatus>,
    ) -> Result<Option<AttendeeConnection>, ApiError> {
        if !Box::pin(ctx.may(self.0.organizer_id, Action::SeeAttendees)).await? {
            return Ok(None);
        }
        let page = PageArgs { first, after, last, before, offset: None };
        let search = search.unwrap_or_default();
        Box::pin(AttendeeConnection::read(ctx, self, &search, status, page)).await.map(Some)
    }

    /// What was sold; null for who is no member of the organizer.
    #[graphql(complexity = "SALES_COMPLEXITY + child_complexity")]
    async fn sales(&self, ctx: &Context<'_>) -> Result<Option<EventSales>, ApiError> {
        if !Box::pin(ctx.may(self.0.organizer_id, Action::SeeAttendees)).await? {
            return Ok(None);
        }
        Box::pin(EventSales::read(ctx, self)).await.map(Some)
    }

    /// How many people are in; null for who is no member of the organizer. The subscription
    /// `arrivals` reports changes.
    #[graphql(complexity = "SALES_COMPLEXITY + child_complexity")]
    async fn arrivals(&self, ctx: &Context<'_>) -> Result<Option<Arrivals>, ApiError> {
        if !Box::pin(ctx.may(self.0.organizer_id, Action::SeeAttendees)).await? {
            return Ok(None);
        }
        let door = ctx.data_unchecked::<Door>();
        Ok(Some(Box::pin(door.arrivals(self.0.id)).await?.into()))
    }

    /// The viewer's confirmed booking of this event; null if there is none or nobody is signed in.
    ///
    /// Errors: `UNAUTHENTICATED` if the access token is expired or not valid.
    async fn my_booking(&self, ctx: &Context<'_>) -> Result<Option<Booking>, ApiError> {
        let Some(user) = ctx.viewer()? else { return Ok(None) };
        let user_at_event = UserAtEvent { user, event: self.0.id };
        let bookings = ctx.data_unchecked::<Bookings>();
        Ok(Box::pin(bookings.find_confirmed(user_at_event)).await?.map(Booking))
    }
}

impl Event {
    /// Loads an event that another row refers to.
    pub(super) async fn load(ctx: &Context<'_>, id: EventId) -> Result<Self, ApiError> {
        let event = ctx.data_unchecked::<Events>().find(id).await?;
        event.map(Self).ok_or_else(|| {
            ApiError::Internal(format!("a row refers to event {id}, which does not exist"))
        })
    }
}
