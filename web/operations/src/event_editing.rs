//! Creating, changing, publishing and cancelling an event.

use super::{
    events::{Event, MoneyInput},
    organizers::{EventSales, ManagedOrganizer},
    scalars::DateTime,
    schema,
};

/// An event as its organizer edits it.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Event")]
pub struct ManagedEvent {
    pub description: String,
    pub organizer: ManagedOrganizer,
    pub remaining_tickets: i32,
    pub sales: Option<EventSales>,
    #[cynic(spread)]
    pub event: Event,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct EventToEditVariables {
    id: cynic::Id,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "EventToEditVariables")]
pub struct EventToEdit {
    #[arguments(id: $id)]
    pub event: Option<ManagedEvent>,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct CreateEventInput {
    pub organizer_id: cynic::Id,
    pub title: String,
    pub description: String,
    pub venue: String,
    pub city: String,
    pub time_zone: String,
    pub starts_at: DateTime,
    pub ends_at: Option<DateTime>,
    pub price: MoneyInput,
    pub total_tickets: i32,
    pub max_per_booking: i32,
    pub sales_start_at: Option<DateTime>,
    pub sales_end_at: Option<DateTime>,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct CreateEventVariables {
    input: CreateEventInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "CreateEventVariables")]
pub struct CreateEvent {
    #[arguments(input: $input)]
    pub create_event: ManagedEvent,
}

/// All values of an event, each of which may be new.
#[derive(cynic::InputObject, Clone, Debug)]
pub struct UpdateEventInput {
    pub event_id: cynic::Id,
    pub revision: i32,
    pub title: Option<String>,
    pub description: Option<String>,
    pub venue: Option<String>,
    pub city: Option<String>,
    pub time_zone: Option<String>,
    pub starts_at: Option<DateTime>,
    pub ends_at: Option<DateTime>,
    pub price: Option<MoneyInput>,
    pub total_tickets: Option<i32>,
    pub max_per_booking: Option<i32>,
    pub sales_start_at: Option<DateTime>,
    pub sales_end_at: Option<DateTime>,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct UpdateEventVariables {
    input: UpdateEventInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "UpdateEventVariables")]
pub struct UpdateEvent {
    #[arguments(input: $input)]
    pub update_event: UpdateEventResult,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct PublishEventInput {
    event_id: cynic::Id,
    revision: i32,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct PublishEventVariables {
    input: PublishEventInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "PublishEventVariables")]
pub struct PublishEvent {
    #[arguments(input: $input)]
    pub publish_event: UpdateEventResult,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct CancelEventInput {
    event_id: cynic::Id,
    reason: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct CancelEventVariables {
    input: CancelEventInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "CancelEventVariables")]
pub struct CancelEvent {
    #[arguments(input: $input)]
    pub cancel_event: UpdateEventResult,
}

#[derive(cynic::InlineFragments, Debug)]
pub enum UpdateEventResult {
    UpdateEventSuccess(UpdateEventSuccess),
    EventChanged(EventChanged),
    CapacityTooLow(CapacityTooLow),
    EventCancelled(EventCancelled),
    /// A refusal that was added after this client was built.
    #[cynic(fallback)]
    Other,
}

#[derive(cynic::QueryFragment, Debug)]
pub struct UpdateEventSuccess {
    pub event: ManagedEvent,
}

/// Somebody else has edited the event.
#[derive(cynic::QueryFragment, Debug)]
pub struct EventChanged {
    pub event: ManagedEvent,
}

#[derive(cynic::QueryFragment, Debug)]
pub struct CapacityTooLow {
    pub taken: i32,
}

#[derive(cynic::QueryFragment, Debug)]
pub struct EventCancelled {
    pub event: ManagedEvent,
}

pub fn event_to_edit(id: String) -> cynic::Operation<EventToEdit, EventToEditVariables> {
    operation!(EventToEdit, EventToEditVariables { id: id.into() })
}

pub fn create_event(
    input: CreateEventInput,
) -> cynic::Operation<CreateEvent, CreateEventVariables> {
    operation!(CreateEvent, CreateEventVariables { input })
}

pub fn update_event(
    input: UpdateEventInput,
) -> cynic::Operation<UpdateEvent, UpdateEventVariables> {
    operation!(UpdateEvent, UpdateEventVariables { input })
}

pub fn publish_event(
    event_id: cynic::Id,
    revision: i32,
) -> cynic::Operation<PublishEvent, PublishEventVariables> {
    operation!(
        PublishEvent,
        PublishEventVariables { input: PublishEventInput { event_id, revision } }
    )
}

pub fn cancel_event(
    event_id: cynic::Id,
    reason: String,
) -> cynic::Operation<CancelEvent, CancelEventVariables> {
    operation!(CancelEvent, CancelEventVariables { input: CancelEventInput { event_id, reason } })
}
