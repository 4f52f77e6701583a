//! Every operation of the client, checked against `schema.graphql` when it is compiled.

use cynic::{QueryBuilder, SubscriptionBuilder};

#[cynic::schema("rowlock")]
mod schema {}

#[derive(Clone, Debug, PartialEq, cynic::Scalar)]
pub(crate) struct DateTime(pub(crate) String);

#[derive(Clone, Debug, PartialEq, cynic::Scalar)]
pub(crate) struct Decimal(pub(crate) String);

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct EventListVariables {
    pub(crate) first: i32,
}

/// The first page of the event list.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "EventListVariables")]
pub(crate) struct EventList {
    #[arguments(first: $first)]
    pub(crate) events: EventConnection,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct EventConnection {
    pub(crate) nodes: Vec<Event>,
}

/// What a card shows of an event.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: cynic::Id,
    pub(crate) title: String,
    pub(crate) venue: String,
    pub(crate) starts_at: DateTime,
    pub(crate) price: Money,
    pub(crate) remaining_tickets: i32,
    pub(crate) total_tickets: i32,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub(crate) struct Money {
    pub(crate) amount: Decimal,
    pub(crate) currency: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct RemainingTicketsVariables {
    pub(crate) event_ids: Option<Vec<cynic::Id>>,
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

pub(crate) type EventListOperation = cynic::Operation<EventList, EventListVariables>;
pub(crate) type RemainingTicketsOperation =
    cynic::StreamingOperation<RemainingTickets, RemainingTicketsVariables>;

pub(crate) fn event_list(first: i32) -> EventListOperation {
    EventList::build(EventListVariables { first })
}

pub(crate) fn remaining_tickets(event_ids: Vec<cynic::Id>) -> RemainingTicketsOperation {
    RemainingTickets::build(RemainingTicketsVariables { event_ids: Some(event_ids) })
}
