//! The subscription `eventUpdates`.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Error, ID, Subscription};
use futures_util::StreamExt;
use parking_lot::Mutex;
use rowlock_entities::EventId;
use tokio_stream::Stream;

use super::{
    errors::ApiError,
    event::Event,
    input,
    watched_events::{Audience, WatchedEvents, read_until_answered, take_allowance, watch},
};
use crate::{events::Events, live::TicketCount};

#[derive(Default)]
pub(super) struct EventUpdatesSubscription;

#[Subscription]
impl EventUpdatesSubscription {
    /// Sends each later state of these events, after an edit, a publication or a cancellation.
    /// Counts come by `remainingTickets`. A slow client skips intermediate states, but never the
    /// last one.
    ///
    /// Errors: `BAD_USER_INPUT`, `NOT_FOUND`, `UNAVAILABLE`; `QUERY_TOO_COMPLEX` for too many
    /// subscriptions or events on one socket.
    async fn event_updates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The events to watch, 1 to 200.")] event_ids: Vec<ID>,
        #[graphql(desc = "The revision that the client has of each of these events, in the same \
                          order. An event that has another one is sent at once, so that nothing is \
                          missed between a query and this subscription.")]
        revisions: Option<Vec<i32>>,
    ) -> Result<impl Stream<Item = Result<Event, Error>> + use<>, ApiError> {
        let taken = take_allowance(ctx, event_ids.len())?;
        let WatchedEvents { subscription, events } = watch(ctx, &event_ids).await?;
        let mut known: HashMap<EventId, i32> =
            events.values().map(|event| (event.id, event.revision)).collect();
        if let Some(revisions) = revisions {
            if revisions.len() != event_ids.len() {
                let message = "revisions must have as many entries as eventIds.";
                return Err(ApiError::field("revisions", message));
            }
            for (id, revision) in event_ids.iter().zip(revisions) {
                known.insert(input::id("eventIds", id)?, revision);
            }
        }
        let updates = Arc::new(Updates {
            known: Mutex::new(known),
            events: ctx.data_unchecked::<Events>().clone(),
            audience: Audience::of(ctx),
        });
        let counts =
            subscription.starting_with(events.values().map(|event| TicketCount::of(event)));
        Ok(counts.filter_map(move |count| {
            // It is taken until the subscription ends.
            let _ = &taken;
            let updates = Arc::clone(&updates);
            async move {
                let update = read_until_answered(|| updates.of(count)).await;
                update.map_err(Error::from).transpose()
            }
        }))
    }
}

/// What a subscription needs to send events.
struct Updates {
    /// The revision of each event that the client has.
    known: Mutex<HashMap<EventId, i32>>,
    events: Events,
    audience: Audience,
}

impl Updates {
    /// The event, if the client has another revision of it and may see it.
    async fn of(&self, count: TicketCount) -> Result<Option<Event>, ApiError> {
        let id = count.event_id;
        if self.known.lock().get(&id) == Some(&count.revision) {
            return Ok(None);
        }
        let Some(event) = self.events.find(id).await? else { return Ok(None) };
        let may_see = self.audience.may_see(&event).await?;
        // What was read may be newer than the count.
        if self.known.lock().insert(id, event.revision) == Some(event.revision) {
            return Ok(None);
        }
        Ok(may_see.then_some(Event(event)))
    }
}
