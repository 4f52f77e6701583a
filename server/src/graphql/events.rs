//! The queries `event` and `events`.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object};

use super::{
    errors::ApiError,
    event::Event,
    input::{self, InputProblems, Time},
    money::MoneyInput,
    pagination::{Connection, Listing, PageArgs, decode_cursor, encode_cursor, page_complexity},
    permission::PermissionExt,
};
use crate::{
    events::{
        EventFilter, EventScope, Events, MAX_PLACE_CHARS, MAX_SEARCH_CHARS, MAX_SEARCH_WORDS,
        Position, SortKey, search_words,
    },
    field_problem::FieldProblem,
};

/// The field that a list of events is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "SortKey")]
pub(super) enum EventOrderField {
    /// The time when the event starts.
    Date,
    /// The price of a ticket, as a number; currencies are not converted.
    Price,
    /// The title, without regard to case.
    Title,
}

/// The direction of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub(super) enum OrderDirection {
    /// Earliest, cheapest, or A first.
    #[default]
    Asc,
    /// Latest, dearest, or Z first.
    Desc,
}

/// The order of a list of events. Events that are equal in this order are sorted by their ids, in
/// the same direction.
#[derive(Clone, Copy, Debug, InputObject)]
pub(super) struct EventOrder {
    /// The field to order by.
    field: EventOrderField,
    /// The direction of the order.
    #[graphql(default)]
    direction: OrderDirection,
}

impl Default for EventOrder {
    fn default() -> Self {
        Self { field: EventOrderField::Date, direction: OrderDirection::Asc }
    }
}

/// Narrows a list of events. Each part that is left out narrows nothing, except that events which
/// have begun are listed only if this asks for them.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "EventFilter")]
pub(super) struct FilterInput {
    /// Only events that start at this time or later. This may be in the past; events that have begun
    /// since then are listed, too.
    starts_after: Option<Time>,
    /// Only events that start before this time.
    starts_before: Option<Time>,
    /// True: only events that can be booked now, because they have tickets left, are on sale and have
    /// not begun. False: only those that can't.
    available: Option<bool>,
    /// Only events of the organizer with this id.
    organizer_id: Option<ID>,
    /// Only events in this city. It is the whole name, in any case.
    city: Option<String>,
    /// Only events of this currency that cost at most this. With the amount 0, all events that are
    /// free, whatever their currency.
    max_price: Option<MoneyInput>,
    /// True: events that have begun, too. False: none of them, whatever `startsAfter` says.
    include_past: Option<bool>,
}

impl FilterInput {
    fn check(self) -> Result<EventScope, ApiError> {
        let mut problems = InputProblems::default();
        let mut time = |field: &str, time: Option<Time>| {
            problems.read(time.map(|time| time.check(field)).transpose()).flatten()
        };
        let starts_after = time("filter.startsAfter", self.starts_after);
        let starts_before = time("filter.startsBefore", self.starts_before);
        let organizer = self.organizer_id.map(|id| input::id("filter.organizerId", &id));
        let organizer = problems.read(organizer.transpose()).flatten();
        let city = self.city.as_deref();
        let field = "filter.city";
        problems.read(input::text(field, city.unwrap_or_default(), MAX_PLACE_CHARS));
        let max_price = self.max_price.map(|price| price.check("filter.maxPrice"));
        let max_price = problems.read(max_price.transpose()).flatten();
        let scope = EventScope::new(
            starts_after,
            starts_before,
            self.include_past,
            self.available,
            organizer,
        );
        let scope = problems.read(scope.in_city(city).ok_or_else(|| {
            let message = "filter.city can't be empty. Leave it out for events in all cities.";
            FieldProblem::new(field, message)
        }));
        problems.finish(scope.map(|scope| scope.at_most(max_price)))
    }
}

/// The additional complexity of a page: for a search and for filters by price and by what is
/// available, which may read many events, and for an offset, which reads all rows that it skips. The deepest page by
/// itself stays below the default limit.
fn reading_complexity(
    search: Option<&str>,
    filter: Option<&FilterInput>,
    offset: Option<i32>,
) -> usize {
    let is_search = search.is_some_and(|search| !search.trim().is_empty());
    let has_available = filter.is_some_and(|filter| filter.available.is_some());
    let skipped = offset.map_or(0, |offset| offset.max(0).unsigned_abs() as usize);
    let has_max_price = filter.is_some_and(|filter| filter.max_price.is_some());
    80 * (usize::from(is_search) + usize::from(has_available) + usize::from(has_max_price))
        + (skipped / 500).min(1_000)
}

#[derive(Default)]
pub(super) struct EventsQuery;

#[Object]
impl EventsQuery {
    /// Lists published events in pages, by default those that have not begun. Use cursors to go in both
    /// directions, or `offset` for numbered pages.
    ///
    /// Errors: `BAD_USER_INPUT` for wrong page sizes, cursors, times, cities or prices, and for a search
    /// of more than 200 characters or 20 different words.
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    #[graphql(complexity = "page_complexity(first, last, child_complexity) \
                      + reading_complexity(search.as_deref(), filter.as_ref(), offset)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Page size, from the start or `after`; 1 to 50. 10 without `first` and `last`."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only events after this cursor.")] after: Option<String>,
        #[graphql(desc = "Page size, from the end or `before`; 1 to 50.")] last: Option<i32>,
        #[graphql(desc = "Only events before this cursor.")] before: Option<String>,
        #[graphql(desc = "Number of events to skip, for numbered pages. Use it with `first`.")]
        offset: Option<i32>,
        #[graphql(
            desc = "Only events that have each of these words, or a word with it inside, in their \
                    title, venue or city, in any case and order."
        )]
        search: Option<String>,
        #[graphql(desc = "Which events to list. Without it, those that have not begun.")]
        filter: Option<FilterInput>,
        #[graphql(desc = "The order of the list.", default)] order_by: EventOrder,
    ) -> Result<EventConnection, ApiError> {
        input::text("search", search.as_deref().unwrap_or_default(), MAX_SEARCH_CHARS)?;
        let is_descending = order_by.direction == OrderDirection::Desc;
        let words = search_words(search.as_deref().unwrap_or_default());
        if words.len() > MAX_SEARCH_WORDS {
            let message = format!("search can have at most {MAX_SEARCH_WORDS} different words.");
            return Err(ApiError::field("search", message));
        }
        let scope = filter.unwrap_or_default().check()?;
        let filter = EventFilter::new(words, scope, order_by.field.into(), is_descending);
        let page = PageArgs { first, after, last, before, offset };
        Box::pin(EventConnection::read(ctx, filter, page)).await
    }

    /// The event with this id, or null if there is none. Only members of its organizer see an event
    /// that was never published.
    ///
    /// Errors: `BAD_USER_INPUT` if `id` is not an id; `UNAUTHENTICATED` if it is not that of a
    /// published event and the access token is expired or not valid.
    async fn event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event's id.")] id: ID,
    ) -> Result<Option<Event>, ApiError> {
        let id = input::id("id", &id)?;
        Ok(Box::pin(ctx.visible_event(id)).await?.map(Event))
    }
}

/// A searched and ordered list of events.
#[derive(Debug)]
pub(super) struct EventListing(EventFilter);

pub(super) type EventConnection = Connection<EventListing>;

impl EventConnection {
    /// Reads the page of a list that `args` request.
    pub(super) async fn read(
        ctx: &Context<'_>,
        filter: EventFilter,
        args: PageArgs,
    ) -> Result<Self, ApiError> {
        let page = args.check(|raw| {
            decode_cursor(raw).filter(|position: &Position| filter.key.accepts(position))
        })?;
        let page = ctx.data_unchecked::<Events>().page(filter.clone(), page).await?;
        let page = page.map(|event| Event(Arc::clone(event)));
        Ok(Self { listing: EventListing(filter), page })
    }
}

impl Listing for EventListing {
    type Node = Event;
    const CONNECTION_NAME: &'static str = "EventConnection";
    const EDGE_NAME: &'static str = "EventEdge";

    fn cursor(&self, event: &Event) -> Result<String, ApiError> {
        encode_cursor(&self.0.key.position(&event.0))
    }

    async fn count(&self, ctx: &Context<'_>) -> Result<u64, ApiError> {
        Ok(Box::pin(ctx.data_unchecked::<Events>().count(&self.0)).await?)
    }
}
