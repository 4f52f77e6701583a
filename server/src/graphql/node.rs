//! The query `node`, with which clients such as Relay read an object again by its id alone.

use async_graphql::{Context, ID, Interface, Object};

use super::{
    booking::Booking, errors::ApiError, event::Event, input, organizer::Organizer,
    permission::PermissionExt, user::User, viewer::ViewerExt,
};
use crate::{accounts::Accounts, bookings::Bookings, organizers::Organizers};

/// An object with an id that is unique among the objects of all types.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "UUIDv7."))]
pub(super) enum Node {
    Event(Event),
    Organizer(Organizer),
    Booking(Booking),
    User(User),
}

/// A lookup may read a row from each of four tables.
const LOOKUP_COMPLEXITY: usize = 10;

#[derive(Default)]
pub(super) struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The event, the organizer, or the viewer's own booking or account, with this id; null if there
    /// is none.
    ///
    /// Errors: `BAD_USER_INPUT` if `id` is not an id; `UNAUTHENTICATED` if it is not that of an
    /// event or an organizer and the access token is expired or not valid.
    #[graphql(complexity = "LOOKUP_COMPLEXITY + child_complexity")]
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The object's id.")] id: ID,
    ) -> Result<Option<Node>, ApiError> {
        let event = ctx.visible_event(input::id("id", &id)?).await;
        if let Ok(Some(event)) = event {
            return Ok(Some(Node::Event(Event(event))));
        }
        let organizer = input::id("id", &id)?;
        if let Some(organizer) = ctx.data_unchecked::<Organizers>().find(organizer).await? {
            return Ok(Some(Node::Organizer(Organizer(organizer))));
        }
        event?;
        let Some(viewer) = ctx.viewer()? else { return Ok(None) };
        let user = input::id("id", &id)?;
        if viewer == user {
            let user = ctx.data_unchecked::<Accounts>().find_user(user).await?;
            return Ok(user.map(|user| Node::User(User::of_viewer(ctx, user))));
        }
        let booking = input::id("id", &id)?;
        let booking = ctx.data_unchecked::<Bookings>().find(viewer, booking).await?;
        Ok(booking.map(|booking| Node::Booking(Booking(booking))))
    }
}
