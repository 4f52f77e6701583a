//! The `remainingTickets` subscription.

use std::{collections::HashSet, sync::Arc};

use async_graphql::{Context, ID, Object, Subscription};
use futures_util::{Stream, StreamExt, stream::BoxStream};
use rowlock_entities::EventId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{errors::ApiError, events::Event, input};
use crate::events::Events;
use crate::live::{Hub, TicketCount};

/// Most events that one subscription names.
const MOST_EVENTS: u32 = 200;
/// Most events that the subscriptions of one socket name, each counted wherever it is named.
const MOST_EVENTS_OF_A_SOCKET: usize = 1_000;

/// How many more subscriptions a socket may have, and how many events they may name.
#[derive(Clone, Debug)]
pub(crate) struct FreeSubscriptions {
    subscriptions: Arc<Semaphore>,
    events: Arc<Semaphore>,
}

impl FreeSubscriptions {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            subscriptions: Arc::new(Semaphore::new(most)),
            events: Arc::new(Semaphore::new(MOST_EVENTS_OF_A_SOCKET)),
        }
    }

    fn take(&self, events: u32) -> Result<[OwnedSemaphorePermit; 2], ApiError> {
        let refused = |what: &str| {
            let message = format!("This socket has too many {what}: end some subscriptions.");
            ApiError::TooComplex(message)
        };
        let subscription = Arc::clone(&self.subscriptions).try_acquire_owned();
        let events = Arc::clone(&self.events).try_acquire_many_owned(events);
        Ok([
            subscription.map_err(|_| refused("subscriptions"))?,
            events.map_err(|_| refused("events"))?,
        ])
    }
}

#[derive(Default)]
pub(crate) struct LiveSubscription;

#[Subscription]
impl LiveSubscription {
    /// First the current count of each event asked for, then every later state; without `eventIds`,
    /// changes of all events. A slow client skips intermediate counts, never the last.
    ///
    /// Errors: `BAD_USER_INPUT`, `NOT_FOUND`, `UNAVAILABLE`, `QUERY_TOO_COMPLEX` for too many on one
    /// socket.
    async fn remaining_tickets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The events to watch, 1 to 200; all of them when left out.")]
        event_ids: Option<Vec<ID>>,
    ) -> Result<impl Stream<Item = TicketUpdate> + use<>, ApiError> {
        let named = event_ids.as_ref().map_or(0, Vec::len);
        let named = u32::try_from(named).ok().filter(|named| *named <= MOST_EVENTS);
        let named = named.ok_or_else(wrong_number_of_events)?;
        let free = ctx.data_opt::<FreeSubscriptions>();
        let place = free.map(|free| free.take(named)).transpose()?;
        let hub = ctx.data_unchecked::<Hub>();
        let counts: BoxStream<'static, TicketCount> = match event_ids {
            None => hub.watch_all().boxed(),
            Some(raw) => watch_some(ctx, hub, &raw).await?,
        };
        Ok(counts.map(move |count| {
            // Taken until the subscription ends.
            let _ = &place;
            TicketUpdate(count)
        }))
    }
}

fn wrong_number_of_events() -> ApiError {
    ApiError::field("eventIds", format!("eventIds names 1 to {MOST_EVENTS} events."))
}

async fn watch_some(
    ctx: &Context<'_>,
    hub: &Hub,
    raw: &[ID],
) -> Result<BoxStream<'static, TicketCount>, ApiError> {
    if raw.is_empty() {
        return Err(wrong_number_of_events());
    }
    let ids =
        raw.iter().map(|id| input::id("eventIds", id)).collect::<Result<HashSet<EventId>, _>>()?;
    // Watch first, read then: a change in between is newer than what is read, and wins.
    let watch = hub.watch(ids.iter().copied());
    // In a batch: many subscriptions that begin at once are one query.
    let events = ctx.data_unchecked::<Events>().find_all(ids.iter().copied()).await?;
    if events.len() < ids.len() {
        return Err(ApiError::NotFound("event"));
    }
    Ok(watch.starting_with(events.values().map(|event| TicketCount::of(event))))
}

pub(crate) struct TicketUpdate(TicketCount);

/// An event's tickets at one moment.
#[Object]
impl TicketUpdate {
    /// The event's id.
    async fn event_id(&self) -> ID {
        self.0.event_id.0.into()
    }

    /// How many tickets are left.
    async fn remaining_tickets(&self) -> i32 {
        self.0.remaining
    }

    /// How many tickets there are altogether.
    async fn total_tickets(&self) -> i32 {
        self.0.total
    }

    /// Grows with every change of this event's count, across all servers: an update with a lower one
    /// is older.
    async fn version(&self) -> i32 {
        i32::try_from(self.0.version).unwrap_or(i32::MAX)
    }

    /// The event, read now: its count may be newer than this update's.
    async fn event(&self, ctx: &Context<'_>) -> Result<Event, ApiError> {
        Event::load(ctx, self.0.event_id).await
    }
}
