//! The subscription `remainingTickets`.

use std::{collections::HashSet, sync::Arc};

use async_graphql::{Context, ID, Object, Subscription};
use futures_util::stream::BoxStream;
use rowlock_entities::EventId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::{Stream, StreamExt};

use super::{errors::ApiError, event::Event, input};
use crate::{
    events::Events,
    limits::{HeldBytes, Hold},
    live::{Hub, TicketCount},
};

/// Maximum number of events that one subscription names.
const MAX_EVENTS: u32 = 200;
/// Maximum number of events that all subscriptions of one socket name. An event that is named twice
/// counts twice.
const MAX_EVENTS_PER_SOCKET: usize = 1_000;

/// What the server holds for each event that a subscription names, in bytes.
const BYTES_PER_EVENT: usize = 256;

/// The number of subscriptions that a socket may still start, and of events that they may name.
#[derive(Clone, Debug)]
pub(crate) struct SubscriptionAllowance {
    subscriptions: Arc<Semaphore>,
    events: Arc<Semaphore>,
    held: HeldBytes,
}

/// What one subscription takes of the allowance until it ends.
#[derive(Debug)]
struct Taken {
    _subscription: OwnedSemaphorePermit,
    _events: OwnedSemaphorePermit,
    _hold: Hold,
}

impl SubscriptionAllowance {
    /// `held` counts what the subscriptions hold.
    pub(crate) fn new(max_subscriptions: usize, held: HeldBytes) -> Self {
        Self {
            held,
            subscriptions: Arc::new(Semaphore::new(max_subscriptions)),
            events: Arc::new(Semaphore::new(MAX_EVENTS_PER_SOCKET)),
        }
    }

    fn take(&self, events: u32) -> Result<Taken, ApiError> {
        let too_many = |what: &str| {
            let message = format!("This socket has too many {what}: end some subscriptions.");
            ApiError::TooComplex(message)
        };
        let subscription = Arc::clone(&self.subscriptions).try_acquire_owned();
        let of_events = Arc::clone(&self.events).try_acquire_many_owned(events);
        Ok(Taken {
            _subscription: subscription.map_err(|_| too_many("subscriptions"))?,
            _events: of_events.map_err(|_| too_many("events"))?,
            _hold: self.held.hold(events as usize * BYTES_PER_EVENT)?,
        })
    }
}

#[derive(Default)]
pub(super) struct RemainingTicketsSubscription;

#[Subscription]
impl RemainingTicketsSubscription {
    /// Sends the current count of each event in `eventIds`, and then every later one. Without
    /// `eventIds`, it sends the counts of all events as bookings and cancellations change them. A
    /// slow client skips intermediate counts, but never the last one.
    ///
    /// Errors: `BAD_USER_INPUT`, `NOT_FOUND`, `UNAVAILABLE`; `QUERY_TOO_COMPLEX` for too many
    /// subscriptions or events on one socket.
    async fn remaining_tickets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The events to watch, 1 to 200. Leave it out to watch all events.")]
        event_ids: Option<Vec<ID>>,
    ) -> Result<impl Stream<Item = TicketUpdate> + use<>, ApiError> {
        let count = event_ids.as_ref().map_or(0, Vec::len);
        let count = u32::try_from(count).ok().filter(|count| *count <= MAX_EVENTS);
        let count = count.ok_or_else(wrong_number_of_events)?;
        let allowance = ctx.data_opt::<SubscriptionAllowance>();
        let taken = allowance.map(|allowance| allowance.take(count)).transpose()?;
        let hub = ctx.data_unchecked::<Hub>();
        let counts: BoxStream<'static, TicketCount> = match event_ids {
            None => Box::pin(hub.watch_all()),
            Some(raw) => watch_events(ctx, hub, &raw).await?,
        };
        Ok(counts.map(move |count| {
            // It is taken until the subscription ends.
            let _ = &taken;
            TicketUpdate(count)
        }))
    }
}

fn wrong_number_of_events() -> ApiError {
    ApiError::field("eventIds", format!("eventIds must name between 1 and {MAX_EVENTS} events."))
}

async fn watch_events(
    ctx: &Context<'_>,
    hub: &Hub,
    raw: &[ID],
) -> Result<BoxStream<'static, TicketCount>, ApiError> {
    if raw.is_empty() {
        return Err(wrong_number_of_events());
    }
    let ids =
        raw.iter().map(|id| input::id("eventIds", id)).collect::<Result<HashSet<EventId>, _>>()?;
    // Watch first, then read. A change in between is newer than the count that is read, and wins.
    let subscription = hub.watch(ids.iter().copied());
    let events = ctx.data_unchecked::<Events>().find_all(ids.iter().copied()).await?;
    if events.len() < ids.len() {
        return Err(ApiError::NotFound("event"));
    }
    Ok(subscription.starting_with(events.values().map(|event| TicketCount::of(event))))
}

pub(super) struct TicketUpdate(TicketCount);

/// An event's tickets at one moment.
#[Object]
impl TicketUpdate {
    /// The event's id.
    async fn event_id(&self) -> ID {
        self.0.event_id.0.into()
    }

    /// The number of tickets that are left.
    async fn remaining_tickets(&self) -> i32 {
        self.0.remaining
    }

    /// The number of all tickets, sold or not.
    async fn total_tickets(&self) -> i32 {
        self.0.total
    }

    /// Grows with every change of this event's count, across all servers. An update with a lower
    /// version is older, unless the database was set back to an older state in between. Within a
    /// subscription, the last update counts, whatever its version.
    async fn version(&self) -> i32 {
        i32::try_from(self.0.version).unwrap_or(i32::MAX)
    }

    /// The event as it is now. Its count may be newer than this update's.
    async fn event(&self, ctx: &Context<'_>) -> Result<Event, ApiError> {
        Event::load(ctx, self.0.event_id).await
    }
}
