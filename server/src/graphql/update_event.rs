//! The mutations `updateEvent`, `publishEvent` and `cancelEvent`, which have the same outcomes.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject, Union};

use super::{
    errors::ApiError,
    event::Event,
    input::{self, InputProblems, Time},
    money::MoneyInput,
    permission::PermissionExt,
    problem::{CapacityTooLow, EventCancelled, EventChanged},
};
use crate::{
    events::EventChanges,
    inventory::{Edit, EditOutcome},
    managed_events::ManagedEvents,
    organizers::Action,
};

#[derive(Default)]
pub(super) struct UpdateEventMutation;

#[Object]
impl UpdateEventMutation {
    /// Changes an event. What is left out stays as it is. Bookings keep the price at which they were
    /// made. OWNER and MANAGER may do this.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `NOT_FOUND`, `BAD_USER_INPUT`, `RATE_LIMITED`,
    /// `UNAVAILABLE`.
    async fn update_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event and its new values.")] input: UpdateEventInput,
    ) -> Result<UpdateEventResult, ApiError> {
        let event = input::id("eventId", &input.event_id)?;
        Box::pin(ctx.check_event_permission(event, Action::ManageEvents)).await?;
        let (revision, changes) = (input.revision, input.read());
        let managed = ctx.data_unchecked::<ManagedEvents>();
        UpdateEventResult::of(
            Box::pin(managed.edit(event, revision, Edit::Values(Box::new(changes)))).await?,
        )
    }

    /// Publishes a draft, so that everybody sees it, and can book it when it is on sale. OWNER and
    /// MANAGER may do this. Publishing an event that is published changes nothing.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `NOT_FOUND`, `BAD_USER_INPUT` if the event has
    /// started, `RATE_LIMITED`, `UNAVAILABLE`.
    async fn publish_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event to publish.")] input: PublishEventInput,
    ) -> Result<UpdateEventResult, ApiError> {
        let event = input::id("eventId", &input.event_id)?;
        Box::pin(ctx.check_event_permission(event, Action::ManageEvents)).await?;
        let managed = ctx.data_unchecked::<ManagedEvents>();
        UpdateEventResult::of(Box::pin(managed.edit(event, input.revision, Edit::Publish)).await?)
    }

    /// Cancels an event for good. From then on, nobody can book it; its bookings are cancelled
    /// soon after. OWNER and MANAGER may do this. Cancelling it again changes nothing more.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `NOT_FOUND`, `BAD_USER_INPUT` without a reason,
    /// `RATE_LIMITED`, `UNAVAILABLE`.
    async fn cancel_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event to cancel.")] input: CancelEventInput,
    ) -> Result<UpdateEventResult, ApiError> {
        let event = input::id("eventId", &input.event_id)?;
        Box::pin(ctx.check_event_permission(event, Action::ManageEvents)).await?;
        let reason = input::reason(input.reason)?;
        UpdateEventResult::of(
            Box::pin(ctx.data_unchecked::<ManagedEvents>().cancel(event, reason)).await?,
        )
    }
}

/// An event and its new values. What is left out stays as it is. Null takes away `endsAt`,
/// `salesStartAt` and `salesEndAt`, and is refused for all others.
#[derive(InputObject)]
pub(super) struct UpdateEventInput {
    /// The event's id.
    event_id: ID,
    /// The revision of the event that the changes were made from. If it has another one by now,
    /// nothing is changed and the answer is `EventChanged`.
    revision: i32,
    /// The event's title, up to 200 characters.
    title: MaybeUndefined<String>,
    /// A description as plain text, up to 20,000 characters. Line breaks are kept.
    description: MaybeUndefined<String>,
    /// The place where the event is held, up to 200 characters.
    venue: MaybeUndefined<String>,
    /// The city, up to 200 characters.
    city: MaybeUndefined<String>,
    /// The IANA name of the time zone that the event's times are shown in, such as Europe/Berlin.
    time_zone: MaybeUndefined<String>,
    /// The time when the event starts. It can't be moved into the past.
    starts_at: MaybeUndefined<Time>,
    /// The time when the event ends, after its start.
    ends_at: MaybeUndefined<Time>,
    /// The price of one ticket. Its currency can't change while tickets are booked.
    price: MaybeUndefined<MoneyInput>,
    /// The number of all tickets. It can't be lower than what is taken.
    total_tickets: MaybeUndefined<i32>,
    /// The largest number of tickets in one booking, from 1 to 10.
    max_per_booking: MaybeUndefined<i32>,
    /// The time from which tickets can be booked.
    sales_start_at: MaybeUndefined<Time>,
    /// The time until which tickets can be booked.
    sales_end_at: MaybeUndefined<Time>,
}

impl UpdateEventInput {
    fn read(self) -> EventChanges {
        let mut problems = InputProblems::default();
        let title = problems.read_not_null("title", self.title);
        let description = problems.read_not_null("description", self.description);
        let venue = problems.read_not_null("venue", self.venue);
        let city = problems.read_not_null("city", self.city);
        let time_zone = problems.read_not_null("timeZone", self.time_zone);
        let starts_at = problems.read_not_null("startsAt", self.starts_at);
        let price = problems.read_not_null("price", self.price);
        let total_tickets = problems.read_not_null("totalTickets", self.total_tickets);
        let max_per_booking = problems.read_not_null("maxPerBooking", self.max_per_booking);
        let starts_at = starts_at.and_then(|time| problems.read(time.check("startsAt")));
        let price = price.and_then(|price| problems.read(price.check("price")));
        let mut optional = |field: &str, time: MaybeUndefined<Time>| match time {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(time) => problems.read(time.check(field)).map(Some),
        };
        let ends_at = optional("endsAt", self.ends_at);
        let sales_start_at = optional("salesStartAt", self.sales_start_at);
        let sales_end_at = optional("salesEndAt", self.sales_end_at);
        EventChanges {
            title,
            description,
            venue,
            city,
            time_zone,
            starts_at,
            ends_at,
            price,
            total_tickets,
            max_per_booking,
            sales_start_at,
            sales_end_at,
            unreadable: problems.into_list(),
        }
    }
}

/// An event to publish.
#[derive(InputObject)]
pub(super) struct PublishEventInput {
    /// The event's id.
    event_id: ID,
    /// The revision of the event that the person has seen. If it has another one by now, nothing is
    /// published and the answer is `EventChanged`.
    revision: i32,
}

/// An event to cancel.
#[derive(InputObject)]
pub(super) struct CancelEventInput {
    /// The event's id.
    event_id: ID,
    /// The reason, which those who booked are told; up to 1,000 characters.
    reason: String,
}

/// The outcome of an attempt to change, publish or cancel an event.
#[derive(Union)]
pub(super) enum UpdateEventResult {
    Success(UpdateEventSuccess),
    Changed(EventChanged),
    CapacityTooLow(CapacityTooLow),
    Cancelled(EventCancelled),
}

/// The event is as requested.
#[derive(SimpleObject)]
pub(super) struct UpdateEventSuccess {
    /// The event as it is now.
    event: Event,
}

impl UpdateEventResult {
    fn of(outcome: EditOutcome) -> Result<Self, ApiError> {
        match outcome {
            EditOutcome::Edited(event) => {
                Ok(Self::Success(UpdateEventSuccess { event: Event(event) }))
            }
            EditOutcome::EditedByAnother(event) => Ok(Self::Changed(EventChanged::new(event))),
            EditOutcome::CapacityTooLow(event) => {
                Ok(Self::CapacityTooLow(CapacityTooLow::new(event)))
            }
            EditOutcome::Cancelled(event) => Ok(Self::Cancelled(EventCancelled::new(event))),
            EditOutcome::Invalid(problems) => Err(ApiError::BadUserInput(
                problems.into_iter().map(|problem| problem.to_field_problem()).collect(),
            )),
        }
    }
}
