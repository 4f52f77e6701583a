//! The mutation `createEvent`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};

use super::{
    errors::ApiError,
    event::Event,
    input::{self, InputProblems, Time},
    money::MoneyInput,
    permission::PermissionExt,
};
use crate::{events::EventChanges, managed_events::ManagedEvents, organizers::Action};

#[derive(Default)]
pub(super) struct CreateEventMutation;

#[Object]
impl CreateEventMutation {
    /// Creates a draft, which only members of the organizer see. OWNER and MANAGER may do this.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `BAD_USER_INPUT`, `RATE_LIMITED`, `UNAVAILABLE`.
    async fn create_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event.")] input: CreateEventInput,
    ) -> Result<Event, ApiError> {
        let organizer = input::id("organizerId", &input.organizer_id)?;
        Box::pin(ctx.check_permission(organizer, Action::ManageEvents)).await?;
        let external_id = input.external_id.clone();
        let managed = ctx.data_unchecked::<ManagedEvents>();
        let event = Box::pin(managed.create(organizer, input.read(), external_id)).await?;
        Ok(Event(Arc::new(event)))
    }
}

/// An event to create.
#[derive(InputObject)]
pub(super) struct CreateEventInput {
    /// The organizer's id.
    organizer_id: ID,
    /// The event's title, up to 200 characters.
    title: String,
    /// A description as plain text, up to 20,000 characters. Line breaks are kept.
    #[graphql(default)]
    description: String,
    /// The place where the event is held, up to 200 characters.
    venue: String,
    /// The city, up to 200 characters.
    #[graphql(default)]
    city: String,
    /// The IANA name of the time zone that the event's times are shown in, such as Europe/Berlin.
    time_zone: String,
    /// The time when the event starts, in the future.
    starts_at: Time,
    /// The time when the event ends, after its start.
    ends_at: Option<Time>,
    /// The price of one ticket.
    price: MoneyInput,
    /// The number of all tickets, up to 1,000,000.
    total_tickets: i32,
    /// The largest number of tickets in one booking, from 1 to 10.
    #[graphql(default = 10)]
    max_per_booking: i32,
    /// The time from which tickets can be booked. Without it, as soon as the event is published.
    sales_start_at: Option<Time>,
    /// The time until which tickets can be booked. Without it, until the event starts.
    sales_end_at: Option<Time>,
    /// Your own name for the event, unique among the organizer's events.
    external_id: Option<String>,
}

impl CreateEventInput {
    fn read(self) -> EventChanges {
        let mut problems = InputProblems::default();
        let starts_at = problems.read(self.starts_at.check("startsAt"));
        let mut optional = |field: &str, time: Option<Time>| {
            problems.read(time.map(|time| time.check(field)).transpose())
        };
        let ends_at = optional("endsAt", self.ends_at);
        let sales_start_at = optional("salesStartAt", self.sales_start_at);
        let sales_end_at = optional("salesEndAt", self.sales_end_at);
        let price = problems.read(self.price.check("price"));
        EventChanges {
            title: Some(self.title),
            description: Some(self.description),
            venue: Some(self.venue),
            city: Some(self.city),
            time_zone: Some(self.time_zone),
            starts_at,
            ends_at,
            price,
            total_tickets: Some(self.total_tickets),
            max_per_booking: Some(self.max_per_booking),
            sales_start_at,
            sales_end_at,
            unreadable: problems.into_list(),
        }
    }
}
