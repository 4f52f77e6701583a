//! Live counts and edits.

use super::{events::Event, schema};

#[derive(cynic::QueryVariables, Debug)]
pub struct RemainingTicketsVariables {
    event_ids: Option<Vec<cynic::Id>>,
}

/// Live counts of the given events.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Subscription", variables = "RemainingTicketsVariables")]
pub struct RemainingTickets {
    #[arguments(eventIds: $event_ids)]
    pub remaining_tickets: TicketUpdate,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub struct TicketUpdate {
    pub event_id: cynic::Id,
    pub remaining_tickets: i32,
    pub total_tickets: i32,
    pub version: i32,
}

pub type RemainingTicketsOperation = cynic::Operation<RemainingTickets, RemainingTicketsVariables>;

pub fn remaining_tickets(event_ids: Vec<cynic::Id>) -> RemainingTicketsOperation {
    operation!(RemainingTickets, RemainingTicketsVariables { event_ids: Some(event_ids) })
}

#[derive(cynic::QueryVariables, Debug)]
pub struct EventUpdatesVariables {
    event_ids: Vec<cynic::Id>,
    revisions: Option<Vec<i32>>,
}

/// The given events after each edit.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Subscription", variables = "EventUpdatesVariables")]
pub struct EventUpdates {
    #[arguments(eventIds: $event_ids, revisions: $revisions)]
    pub event_updates: EditedEvent,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Event")]
pub struct EditedEvent {
    pub description: String,
    #[cynic(spread)]
    pub event: Event,
}

pub type EventUpdatesOperation = cynic::Operation<EventUpdates, EventUpdatesVariables>;

/// Watches events of which the page has these revisions. Other revisions are sent at once.
pub fn event_updates(known: Vec<(cynic::Id, i32)>) -> EventUpdatesOperation {
    let (event_ids, revisions) = known.into_iter().unzip();
    operation!(EventUpdates, EventUpdatesVariables { event_ids, revisions: Some(revisions) })
}
