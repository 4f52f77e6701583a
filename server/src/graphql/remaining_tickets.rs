//! The subscription `remainingTickets`.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, ID, Object, Subscription};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use rowlock_entities::{EventId, event};

use super::{
    errors::ApiError,
    event::Event,
    execution::{Handover, count_version},
    watched_events::{Audience, WatchedEvents, read_until_answered, take_allowance, watch},
};
use crate::live::{Hub, TicketCount};

#[derive(Default)]
pub(super) struct RemainingTicketsSubscription;

#[Subscription]
impl RemainingTicketsSubscription {
    /// Sends the current count of each event in `eventIds`, in that order, and then every later one.
    /// Without `eventIds`, it sends the counts of all events as they change. A slow client skips
    /// intermediate counts, but never the last one.
    ///
    /// Errors: `BAD_USER_INPUT`, `NOT_FOUND`, `UNAVAILABLE`; `QUERY_TOO_COMPLEX` for too many
    /// subscriptions or events on one socket.
    async fn remaining_tickets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The events to watch, 1 to 200. Leave it out to watch all events.")]
        event_ids: Option<Vec<ID>>,
    ) -> Result<BoxStream<'static, TicketUpdate>, ApiError> {
        let taken = take_allowance(ctx, event_ids.as_ref().map_or(0, Vec::len))?;
        let counts: BoxStream<'static, TicketCount> = match event_ids {
            None => Box::pin(ctx.data_unchecked::<Hub>().watch_all()),
            Some(raw) => {
                let WatchedEvents { subscription, events } = watch(ctx, &raw).await?;
                let counts = events.values().map(|event| TicketCount::of(event));
                let counts = subscription.starting_with(counts);
                match events.values().all(|event| event.is_public) {
                    true => counts,
                    false => only_visible(counts, Audience::of(ctx), events),
                }
            }
        };
        let counts = counts.inspect(move |_| {
            // It is taken until the subscription ends.
            let _ = &taken;
        });
        Ok(match ctx.data_opt::<Handover>() {
            Some(handover) => {
                handover.put(counts.boxed());
                stream::empty().boxed()
            }
            None => counts.map(TicketUpdate).boxed(),
        })
    }
}

/// Leaves out the counts of drafts once the viewer may not see them any more.
fn only_visible(
    counts: BoxStream<'static, TicketCount>,
    audience: Audience,
    events: HashMap<EventId, Arc<event::Model>>,
) -> BoxStream<'static, TicketCount> {
    let shared = Arc::new((audience, events));
    let visible = counts.filter_map(move |count| {
        let shared = Arc::clone(&shared);
        async move {
            let (audience, events) = &*shared;
            let may_see = match events.get(&count.event_id) {
                _ if count.is_public => true,
                Some(event) => {
                    read_until_answered(|| audience.may_see(event)).await.unwrap_or(false)
                }
                None => false,
            };
            may_see.then_some(count)
        }
    });
    Box::pin(visible)
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
        count_version(&self.0)
    }

    /// The event as it is now. Its count may be newer than this update's.
    async fn event(&self, ctx: &Context<'_>) -> Result<Event, ApiError> {
        read_until_answered(|| Event::load(ctx, self.0.event_id)).await
    }
}
