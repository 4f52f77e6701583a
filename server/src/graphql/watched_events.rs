//! What the subscriptions that watch events have in common: how many a socket may have, and how a
//! watch begins.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_graphql::{Context, ID, indexmap::IndexSet};
use futures_util::future::{BoxFuture, try_join_all};
use rowlock_entities::{EventId, event};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use super::{
    errors::ApiError,
    input,
    permission::PermissionExt,
    viewer::{ViewerExt, ViewerUntil},
};
use crate::{
    limits::{HeldBytes, Hold},
    live::{Hub, Subscription},
    organizers::Organizers,
};

/// Maximum number of events that one subscription names.
pub(super) const MAX_EVENTS: u32 = 200;
/// Maximum number of events that all subscriptions of one socket name. An event that is named twice
/// counts twice.
const MAX_EVENTS_PER_SOCKET: usize = 1_000;

/// The pause before a read is repeated.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

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
pub(super) struct Taken {
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

/// Takes what a subscription to this many events needs, until the result is dropped.
///
/// # Errors
/// `BAD_USER_INPUT` if there are too many events, and `QUERY_TOO_COMPLEX` if the socket has too many
/// subscriptions or events.
pub(super) fn take_allowance(ctx: &Context<'_>, events: usize) -> Result<Option<Taken>, ApiError> {
    let events = u32::try_from(events).ok().filter(|events| *events <= MAX_EVENTS);
    let events = events.ok_or_else(wrong_number_of_events)?;
    ctx.data_opt::<SubscriptionAllowance>().map(|allowance| allowance.take(events)).transpose()
}

/// Events that are watched, as they were read after the watch began. A change in between is newer
/// than what was read, and wins.
pub(super) struct WatchedEvents {
    pub(super) subscription: Subscription,
    pub(super) events: HashMap<EventId, Arc<event::Model>>,
}

/// Begins to watch these events.
///
/// # Errors
/// `BAD_USER_INPUT` if these are no ids or none, and `NOT_FOUND` if there is one that the viewer may
/// not see.
pub(super) fn watch<'a>(
    ctx: &'a Context<'_>,
    raw: &'a [ID],
) -> BoxFuture<'a, Result<WatchedEvents, ApiError>> {
    // The subscription's stream keeps room for the future that it began with as long as it goes on.
    Box::pin(async move {
        if raw.is_empty() {
            return Err(wrong_number_of_events());
        }
        let ids = raw.iter().map(|id| input::id("eventIds", id));
        // The first counts come in this order.
        let ids = ids.collect::<Result<IndexSet<EventId>, _>>()?;
        let subscription = ctx.data_unchecked::<Hub>().watch(ids.iter().copied());
        let found = try_join_all(ids.iter().map(|id| ctx.visible_event(*id))).await?;
        let events: Option<HashMap<_, _>> =
            found.into_iter().map(|event| event.map(|event| (event.id, event))).collect();
        Ok(WatchedEvents { subscription, events: events.ok_or(ApiError::NotFound("event"))? })
    })
}

/// Reads what a subscriber gets, again and again while the database can't answer. Nothing else would
/// send this state, because the next message comes only after the next change.
///
/// # Errors
/// The errors of `read`, except `UNAVAILABLE`.
pub(super) async fn read_until_answered<T, F>(read: impl Fn() -> F) -> Result<T, ApiError>
where
    F: Future<Output = Result<T, ApiError>>,
{
    loop {
        match read().await {
            Err(ApiError::Unavailable { .. }) => sleep(RETRY_PAUSE).await,
            result => return result,
        }
    }
}

/// Whether the viewer of a subscription may still see events. A role can be taken away, and a token
/// can expire, while the subscription goes on.
pub(super) struct Audience {
    organizers: Organizers,
    viewer: ViewerUntil,
}

impl Audience {
    pub(super) fn of(ctx: &Context<'_>) -> Self {
        Self {
            organizers: ctx.data_unchecked::<Organizers>().clone(),
            viewer: ctx.viewer_until_token_expires(),
        }
    }

    pub(super) async fn may_see(&self, event: &event::Model) -> Result<bool, ApiError> {
        Ok(self.organizers.may_see(event, self.viewer.now()).await?)
    }
}

fn wrong_number_of_events() -> ApiError {
    ApiError::field("eventIds", format!("eventIds must name between 1 and {MAX_EVENTS} events."))
}
