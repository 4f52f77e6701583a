//! Events: one page of the list, and one event.

use cynic::QueryBuilder;

use super::{DateTime, Decimal, schema};

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
    pub(crate) my_booking: Option<MyBooking>,
}

/// That the signed-in person has booked it.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Booking")]
pub(crate) struct MyBooking {
    pub(crate) quantity: i32,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Money {
    pub(crate) amount: Decimal,
    pub(crate) currency: String,
}

#[derive(cynic::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventOrderField {
    Date,
    Price,
    Title,
}

#[derive(cynic::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderDirection {
    Asc,
    Desc,
}

#[derive(cynic::InputObject, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventOrder {
    pub(crate) field: EventOrderField,
    pub(crate) direction: OrderDirection,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct EventListVariables {
    pub(crate) first: i32,
    pub(crate) offset: i32,
    pub(crate) search: Option<String>,
    pub(crate) order_by: EventOrder,
}

/// One numbered page of the events.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "EventListVariables")]
pub(crate) struct EventList {
    #[arguments(first: $first, offset: $offset, search: $search, orderBy: $order_by)]
    pub(crate) events: EventConnection,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub(crate) struct EventConnection {
    pub(crate) nodes: Vec<Event>,
    pub(crate) total_count: i32,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct OneEventVariables {
    id: cynic::Id,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "OneEventVariables")]
pub(crate) struct OneEvent {
    #[arguments(id: $id)]
    pub(crate) event: Option<EventWithDescription>,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Event")]
pub(crate) struct EventWithDescription {
    pub(crate) description: String,
    #[cynic(spread)]
    pub(crate) event: Event,
}

pub(crate) fn event_list(
    variables: EventListVariables,
) -> cynic::Operation<EventList, EventListVariables> {
    EventList::build(variables)
}

pub(crate) fn one_event(id: String) -> cynic::Operation<OneEvent, OneEventVariables> {
    OneEvent::build(OneEventVariables { id: id.into() })
}
