//! The mutation `importEvents`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{
    errors::ApiError,
    input::{self, InputProblems, Time},
    money::MoneyInput,
    permission::PermissionExt,
};
use crate::{
    events::EventChanges,
    managed_events::{ImportRow, Importer, ManagedEvents},
    organizers::Action,
};

/// Maximum number of events in one import.
const MAX_EVENTS: usize = 100;

#[derive(Default)]
pub(super) struct ImportEventsMutation;

#[Object]
impl ImportEventsMutation {
    /// Creates or changes many events, found by their `externalId`: all of them or none. An event
    /// that is there gets all these values, those that are left out too. OWNER and MANAGER may do
    /// this. The errors name values such as `events[3].title`, counted from 0.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `BAD_USER_INPUT`, `RATE_LIMITED`, `UNAVAILABLE`.
    async fn import_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organizer and the events.")] input: ImportEventsInput,
    ) -> Result<ImportEventsPayload, ApiError> {
        let organizer = input::id("organizerId", &input.organizer_id)?;
        Box::pin(ctx.check_permission(organizer, Action::ManageEvents)).await?;
        if !(1..=MAX_EVENTS).contains(&input.events.len()) {
            let message = format!("events must have between 1 and {MAX_EVENTS} events.");
            return Err(ApiError::field("events", message));
        }
        let rows = input.events.into_iter().map(ImportedEventInput::read).collect();
        let managed = ctx.data_unchecked::<ManagedEvents>();
        let imported = Box::pin(managed.import(organizer, rows, Importer::Member)).await?;
        let number = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        Ok(ImportEventsPayload {
            created: number(imported.created),
            updated: number(imported.updated),
            unchanged: number(imported.unchanged),
        })
    }
}

/// Events of one organizer to create or change.
#[derive(InputObject)]
struct ImportEventsInput {
    /// The organizer's id.
    organizer_id: ID,
    /// 1 to 100 events.
    events: Vec<ImportedEventInput>,
}

/// An event to create or change.
#[derive(InputObject)]
struct ImportedEventInput {
    /// Your own name for the event, unique among the organizer's events, up to 200 characters.
    external_id: String,
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
    /// The time when the event starts. A new one must be in the future.
    starts_at: Time,
    /// The time when the event ends, after its start.
    ends_at: Option<Time>,
    /// The price of one ticket.
    price: MoneyInput,
    /// The number of all tickets, up to 1,000,000 and at least what is taken.
    total_tickets: i32,
    /// The largest number of tickets in one booking, from 1 to 10.
    #[graphql(default = 10)]
    max_per_booking: i32,
    /// The time from which tickets can be booked. Without it, as soon as the event is published.
    sales_start_at: Option<Time>,
    /// The time until which tickets can be booked. Without it, until the event starts.
    sales_end_at: Option<Time>,
    /// Whether to publish the event if it is a draft.
    #[graphql(default)]
    publish: bool,
}

/// The outcome of an import. The three numbers add up to the number of events in it.
#[derive(SimpleObject)]
struct ImportEventsPayload {
    /// The number of events that were created.
    created: i32,
    /// The number of events that were changed.
    updated: i32,
    /// The number of events that had these values already.
    unchanged: i32,
}

impl ImportedEventInput {
    fn read(self) -> ImportRow {
        let mut problems = InputProblems::default();
        let starts_at = problems.read(self.starts_at.check("startsAt"));
        let mut optional = |field: &str, time: Option<Time>| {
            problems.read(time.map(|time| time.check(field)).transpose())
        };
        let ends_at = optional("endsAt", self.ends_at);
        let sales_start_at = optional("salesStartAt", self.sales_start_at);
        let sales_end_at = optional("salesEndAt", self.sales_end_at);
        let price = problems.read(self.price.check("price"));
        let values = EventChanges {
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
        };
        ImportRow { external_id: self.external_id, values, is_published: self.publish }
    }
}
