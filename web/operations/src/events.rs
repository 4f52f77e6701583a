//! One page of the event list, and one event.

use cynic::QueryBuilder;

use super::{
    scalars::{DateTime, Decimal},
    schema,
};

/// An event on a card.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub struct Event {
    pub id: cynic::Id,
    pub title: String,
    pub venue: String,
    pub starts_at: DateTime,
    pub price: Money,
    pub remaining_tickets: i32,
    pub total_tickets: i32,
    pub my_booking: Option<MyBooking>,
}

/// The user's booking of an event.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Booking")]
pub struct MyBooking {
    pub quantity: i32,
}

#[derive(cynic::QueryFragment, serde::Serialize, Clone, Debug, PartialEq, Eq)]
pub struct Money {
    pub amount: Decimal,
    pub currency: String,
}

#[derive(cynic::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventOrderField {
    Date,
    Price,
    Title,
}

#[derive(cynic::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderDirection {
    Asc,
    Desc,
}

#[derive(cynic::InputObject, Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventOrder {
    pub field: EventOrderField,
    pub direction: OrderDirection,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct EventListVariables {
    pub first: i32,
    pub offset: i32,
    pub search: Option<String>,
    pub order_by: EventOrder,
}

/// One numbered page of the event list.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "EventListVariables")]
pub struct EventList {
    #[arguments(first: $first, offset: $offset, search: $search, orderBy: $order_by)]
    pub events: EventConnection,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub struct EventConnection {
    pub nodes: Vec<Event>,
    pub total_count: i32,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct OneEventVariables {
    id: cynic::Id,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "OneEventVariables")]
pub struct OneEvent {
    #[arguments(id: $id)]
    pub event: Option<EventWithDescription>,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Event")]
pub struct EventWithDescription {
    pub description: String,
    #[cynic(spread)]
    pub event: Event,
}

pub fn event_list(
    variables: EventListVariables,
) -> cynic::Operation<EventList, EventListVariables> {
    EventList::build(variables)
}

pub fn one_event(id: String) -> cynic::Operation<OneEvent, OneEventVariables> {
    OneEvent::build(OneEventVariables { id: id.into() })
}
