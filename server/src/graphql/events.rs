//! Events in the schema: `event`, `events` and the `Event` type.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object};
use rowlock_entities::{EventId, event};

use super::money::Money;
use super::{
    booking::Booking,
    errors::ApiError,
    input::{self, Int},
    scalars::DateTime,
};
use crate::events::{
    Events,
    service::LONGEST_SEARCH,
    store::{EventFilter, Position, SortKey},
};
use crate::{
    accounts::access_tokens::ViewerExt,
    bookings::{Bookings, loader::Seat},
    pagination::{Connection, Listing, PageArgs, decode_cursor, encode_cursor, page_complexity},
};

/// What a list of events is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum EventOrderField {
    /// When the event starts.
    Date,
    /// The price of a ticket, as a number; currencies are not converted.
    Price,
    /// The title, without regard to case.
    Title,
}

/// Which end of an order comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub(crate) enum OrderDirection {
    /// Earliest, cheapest, or A first.
    #[default]
    Asc,
    /// Latest, dearest, or Z first.
    Desc,
}

/// The order of a list of events. Events that are equal in it come in the order they were made.
#[derive(Clone, Copy, Debug, InputObject)]
pub(crate) struct EventOrder {
    /// What to order by.
    field: EventOrderField,
    /// Which end comes first.
    #[graphql(default)]
    direction: OrderDirection,
}

impl Default for EventOrder {
    fn default() -> Self {
        Self { field: EventOrderField::Date, direction: OrderDirection::Asc }
    }
}

impl From<EventOrderField> for SortKey {
    fn from(field: EventOrderField) -> Self {
        match field {
            EventOrderField::Date => Self::Date,
            EventOrderField::Price => Self::Price,
            EventOrderField::Title => Self::Title,
        }
    }
}

/// What is added to a page's complexity by a search, which may read many titles, and by an offset, which reads
/// all that it skips. The deepest page alone is not too complex by default.
fn depth_complexity(search: Option<&str>, offset: Option<Int>) -> usize {
    let of_search = if search.is_some_and(|search| !search.trim().is_empty()) { 80 } else { 0 };
    let skipped = offset.map_or(0, |Int(offset)| offset.max(0).unsigned_abs() as usize);
    of_search + (skipped / 500).min(1_000)
}

#[derive(Default)]
pub(crate) struct EventsQuery;

#[Object]
impl EventsQuery {
    /// Events in pages: by cursor in both directions, or numbered by `offset`.
    ///
    /// Errors: `BAD_USER_INPUT` for page sizes, cursors and a search of more than 200 characters.
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    #[graphql(
        complexity = "page_complexity(first, last, child_complexity) + depth_complexity(search.as_deref(), offset)"
    )]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, from the start; 1 to 50. 10 when neither is given.")]
        first: Option<Int>,
        #[graphql(desc = "Only events after this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of the page, from the end; 1 to 50.")] last: Option<Int>,
        #[graphql(desc = "Only events before this cursor.")] before: Option<String>,
        #[graphql(desc = "How many events to skip, for numbered pages; goes with `first`.")]
        offset: Option<Int>,
        #[graphql(desc = "Only events with this text anywhere in their title, in any case.")]
        search: Option<String>,
        #[graphql(desc = "The order of the list.", default)] order_by: EventOrder,
    ) -> Result<EventConnection, ApiError> {
        input::text("search", search.as_deref().unwrap_or_default(), LONGEST_SEARCH)?;
        let descending = order_by.direction == OrderDirection::Desc;
        let filter = EventFilter::new(search.as_deref(), order_by.field.into(), descending);
        let page = PageArgs { first, after, last, before, offset }
            .check(|raw| decode_cursor(raw).filter(|at: &Position| filter.key.owns(at)))?;
        let page = ctx.data_unchecked::<Events>().page(filter.clone(), page).await?;
        let page = page.map(|event| Event(Arc::clone(event)));
        Ok(Connection { listing: EventListing(filter), page })
    }

    /// One event, or null when there is none with this id.
    ///
    /// Errors: `BAD_USER_INPUT` for what isn't an id.
    async fn event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event's id.")] id: ID,
    ) -> Result<Option<Event>, ApiError> {
        let id = input::id("id", &id)?;
        Ok(ctx.data_unchecked::<Events>().find(id).await?.map(Event))
    }
}

/// A searched and ordered list of events.
#[derive(Debug)]
pub(crate) struct EventListing(EventFilter);

pub(crate) type EventConnection = Connection<EventListing>;

impl Listing for EventListing {
    type Node = Event;
    const CONNECTION_NAME: &'static str = "EventConnection";
    const EDGE_NAME: &'static str = "EventEdge";

    fn cursor(&self, event: &Event) -> Result<String, ApiError> {
        encode_cursor(&self.0.key.position(&event.0))
    }

    async fn count(&self, ctx: &Context<'_>) -> Result<u64, ApiError> {
        Ok(ctx.data_unchecked::<Events>().count(&self.0).await?)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Event(pub(crate) Arc<event::Model>);

/// Something to book tickets for.
#[Object]
impl Event {
    /// UUIDv7.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.0.into()
    }

    /// What it is called.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// What to expect, as plain text.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// When it starts. Tickets can be booked and cancelled until then.
    async fn starts_at(&self) -> DateTime {
        DateTime(self.0.starts_at)
    }

    /// Where it takes place.
    async fn venue(&self) -> &str {
        &self.0.venue
    }

    /// How many tickets there are altogether.
    async fn total_tickets(&self) -> i32 {
        self.0.total_tickets
    }

    /// How many tickets are left. The subscription `remainingTickets` tells of changes.
    async fn remaining_tickets(&self) -> i32 {
        self.0.remaining_tickets
    }

    /// What one ticket costs.
    async fn price(&self) -> Money {
        Money::from_minor(self.0.price_minor, &self.0.currency)
    }

    /// The viewer's confirmed booking of this event; null when there is none or nobody is signed in.
    async fn my_booking(&self, ctx: &Context<'_>) -> Result<Option<Booking>, ApiError> {
        let Some(user) = ctx.viewer()? else { return Ok(None) };
        let seat = Seat { user, event: self.0.id };
        Ok(ctx.data_unchecked::<Bookings>().find_confirmed(seat).await?.map(Booking))
    }
}

impl Event {
    /// The event with this id, which something else refers to.
    pub(crate) async fn load(ctx: &Context<'_>, id: EventId) -> Result<Self, ApiError> {
        let event = ctx.data_unchecked::<Events>().find(id).await?;
        event
            .map(Self)
            .ok_or_else(|| ApiError::Internal(format!("event {id} is referred to and gone")))
    }
}
