//! The `Event` type.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use rowlock_entities::{EventId, event};

use super::{
    booking::Booking, errors::ApiError, money::Money, scalars::DateTime, viewer::ViewerExt,
};
use crate::{
    bookings::{Bookings, UserAtEvent},
    events::Events,
};

#[derive(Clone, Debug)]
pub(super) struct Event(pub(super) Arc<event::Model>);

/// Something to book tickets for.
#[Object]
impl Event {
    /// UUIDv7.
    pub(super) async fn id(&self) -> ID {
        self.0.id.0.into()
    }

    /// The event's title.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// A description of the event, as plain text.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The time when the event starts. Tickets can be booked and cancelled until then.
    async fn starts_at(&self) -> DateTime {
        DateTime(self.0.starts_at)
    }

    /// The place where the event is held.
    async fn venue(&self) -> &str {
        &self.0.venue
    }

    /// The number of all tickets, sold or not.
    async fn total_tickets(&self) -> i32 {
        self.0.total_tickets
    }

    /// The number of tickets that are left. The subscription `remainingTickets` reports changes.
    async fn remaining_tickets(&self) -> i32 {
        self.0.remaining_tickets
    }

    /// The price of one ticket.
    async fn price(&self) -> Money {
        Money::from_minor(self.0.price_minor, &self.0.currency)
    }

    /// The viewer's confirmed booking of this event; null if there is none or nobody is signed in.
    ///
    /// Errors: `UNAUTHENTICATED` if the access token is expired or not valid.
    async fn my_booking(&self, ctx: &Context<'_>) -> Result<Option<Booking>, ApiError> {
        let Some(user) = ctx.viewer()? else { return Ok(None) };
        let user_at_event = UserAtEvent { user, event: self.0.id };
        let bookings = ctx.data_unchecked::<Bookings>();
        Ok(bookings.find_confirmed(user_at_event).await?.map(Booking))
    }
}

impl Event {
    /// Loads an event that another row refers to.
    pub(super) async fn load(ctx: &Context<'_>, id: EventId) -> Result<Self, ApiError> {
        let event = ctx.data_unchecked::<Events>().find(id).await?;
        event.map(Self).ok_or_else(|| {
            ApiError::Internal(format!("a row refers to event {id}, which does not exist"))
        })
    }
}
