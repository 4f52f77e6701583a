//! Live counts.

use cynic::SubscriptionBuilder;

use super::schema;

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

pub type RemainingTicketsOperation =
    cynic::StreamingOperation<RemainingTickets, RemainingTicketsVariables>;

pub fn remaining_tickets(event_ids: Vec<cynic::Id>) -> RemainingTicketsOperation {
    RemainingTickets::build(RemainingTicketsVariables { event_ids: Some(event_ids) })
}
