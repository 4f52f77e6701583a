//! The `Arrivals` type, and the subscription `arrivals`.

use async_graphql::{Context, Error, ID, SimpleObject, Subscription};
use futures_util::stream::{BoxStream, unfold};
use rowlock_entities::EventId;
use tokio_stream::{Stream, StreamExt};

use super::{
    errors::ApiError,
    input,
    permission::PermissionExt,
    viewer::ViewerExt,
    watched_events::{Taken, read_until_answered, take_allowance},
};
use crate::{
    door::{self, Door},
    organizers::{Action, Membership, Organizers},
};

/// The people at an event's door.
#[derive(SimpleObject)]
pub(super) struct Arrivals {
    /// The number of tickets that were checked in.
    arrived: i32,
    /// The number of tickets that are booked, whether they were checked in or not.
    expected: i32,
}

impl From<door::Arrivals> for Arrivals {
    fn from(arrivals: door::Arrivals) -> Self {
        let door::Arrivals { arrived, expected } = arrivals;
        Self { arrived, expected }
    }
}

#[derive(Default)]
pub(super) struct ArrivalsSubscription;

#[Subscription]
impl ArrivalsSubscription {
    /// Sends how many people are in, and then every later state, at whichever door somebody goes in.
    /// Members of the event's organizer may watch this, whatever their role. A slow client skips
    /// intermediate states, but never the last one. Who is no member any more gets `FORBIDDEN` at
    /// the next change, and nothing after that.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `NOT_FOUND`, `BAD_USER_INPUT`, `UNAVAILABLE`;
    /// `QUERY_TOO_COMPLEX` for too many subscriptions or events on one socket.
    async fn arrivals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event whose door is watched.")] event_id: ID,
    ) -> Result<impl Stream<Item = Result<Arrivals, Error>> + use<>, ApiError> {
        let user = ctx.signed_in_user()?;
        let id: EventId = input::id("eventId", &event_id)?;
        let taken = take_allowance(ctx, 1)?;
        let event = ctx.visible_event(id).await?.ok_or(ApiError::NotFound("event"))?;
        if !ctx.may(event.organizer_id, Action::SeeAttendees).await? {
            return Err(ApiError::not_permitted());
        }
        let watch = Watch {
            arrivals: ctx.data_unchecked::<Door>().watch_arrivals(id),
            organizers: ctx.data_unchecked::<Organizers>().clone(),
            membership: Membership { organizer: event.organizer_id, user },
            _taken: taken,
        };
        Ok(unfold(Some(watch), Watch::next))
    }
}

/// A subscription of a member.
struct Watch {
    arrivals: BoxStream<'static, door::Arrivals>,
    organizers: Organizers,
    membership: Membership,
    /// It is taken until the subscription ends.
    _taken: Option<Taken>,
}

impl Watch {
    /// The next state, and what goes on after it. A role can be taken away while the subscription
    /// goes on, and ends it.
    async fn next(watch: Option<Self>) -> Option<(Result<Arrivals, Error>, Option<Self>)> {
        let mut watch = watch?;
        let arrivals = watch.arrivals.next().await?;
        let (organizers, membership) = (&watch.organizers, watch.membership);
        let may_see = || async { Ok(organizers.may(membership, Action::SeeAttendees).await?) };
        match read_until_answered(may_see).await {
            Ok(true) => Some((Ok(arrivals.into()), Some(watch))),
            Ok(false) => Some((Err(ApiError::not_permitted().into()), None)),
            Err(error) => Some((Err(error.into()), None)),
        }
    }
}
