//! The `remainingTickets` subscription.

use std::{collections::HashSet, sync::Arc};

use async_graphql::{Context, ID, Object, Subscription};
use futures_util::{Stream, StreamExt, stream::BoxStream};
use rowlock_entities::EventId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Hub, TicketCount};
use crate::{
    error::ApiError,
    events::{Events, graphql::Event},
    input,
};

/// Most events that one subscription names.
const MOST_EVENTS: usize = 200;

/// How many more subscriptions a socket may have.
#[derive(Clone, Debug)]
pub(crate) struct FreeSubscriptions(Arc<Semaphore>);

impl FreeSubscriptions {
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Semaphore::new(most)))
    }

    fn take(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            let message =
                "This socket has too many subscriptions: end some, or name several events in one.";
            ApiError::TooComplex(message.to_owned())
        })
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
        let place = ctx.data_opt::<FreeSubscriptions>().map(FreeSubscriptions::take).transpose()?;
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

async fn watch_some(
    ctx: &Context<'_>,
    hub: &Hub,
    raw: &[ID],
) -> Result<BoxStream<'static, TicketCount>, ApiError> {
    if !(1..=MOST_EVENTS).contains(&raw.len()) {
        return Err(ApiError::field(
            "eventIds",
            format!("eventIds names 1 to {MOST_EVENTS} events."),
        ));
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
