//! Live counts.

use cynic::SubscriptionBuilder;

use super::schema;

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct RemainingTicketsVariables {
    event_ids: Option<Vec<cynic::Id>>,
}

/// Live counts of the events on the page.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Subscription", variables = "RemainingTicketsVariables")]
pub(crate) struct RemainingTickets {
    #[arguments(eventIds: $event_ids)]
    pub(crate) remaining_tickets: TicketUpdate,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub(crate) struct TicketUpdate {
    pub(crate) event_id: cynic::Id,
    pub(crate) remaining_tickets: i32,
    pub(crate) total_tickets: i32,
    pub(crate) version: i32,
}

pub(crate) type RemainingTicketsOperation =
    cynic::StreamingOperation<RemainingTickets, RemainingTicketsVariables>;

pub(crate) fn remaining_tickets(event_ids: Vec<cynic::Id>) -> RemainingTicketsOperation {
    RemainingTickets::build(RemainingTicketsVariables { event_ids: Some(event_ids) })
}
