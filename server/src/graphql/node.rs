//! `node(id)`, by which clients such as Relay read again what they know by its id alone.

use async_graphql::{Context, ID, Interface, Object};

use super::{booking::Booking, errors::ApiError, events::Event, input, sessions::User};
use crate::{
    accounts::{Accounts, access_tokens::ViewerExt},
    bookings::Bookings,
    events::Events,
};

/// What has an id that no other thing has, of whatever type.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "UUIDv7."))]
pub(crate) enum Node {
    Event(Event),
    Booking(Booking),
    User(User),
}

/// It may read three tables, a row each.
const LOOKUP_COMPLEXITY: usize = 10;

#[derive(Default)]
pub(crate) struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The event, or the viewer's own booking or account, with this id; null when there is none.
    ///
    /// Errors: `BAD_USER_INPUT` for what isn't an id.
    #[graphql(complexity = "LOOKUP_COMPLEXITY + child_complexity")]
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
    ) -> Result<Option<Node>, ApiError> {
        let event = input::id("id", &id)?;
        if let Some(event) = ctx.data_unchecked::<Events>().find(event).await? {
            return Ok(Some(Node::Event(Event(event))));
        }
        let Some(viewer) = ctx.viewer()? else { return Ok(None) };
        let user = input::id("id", &id)?;
        if viewer == user {
            let user = ctx.data_unchecked::<Accounts>().find_user(user).await?;
            return Ok(user.map(|user| Node::User(User(user))));
        }
        let booking = input::id("id", &id)?;
        let booking = ctx.data_unchecked::<Bookings>().find(viewer, booking).await?;
        Ok(booking.map(|booking| Node::Booking(Booking(booking))))
    }
}
