//! One page of the event list, one event, and one organizer.

use std::ops;

use super::{
    scalars::{DateTime, Decimal},
    schema,
};

/// What an event's organizer says about it, except for the description. An edit changes this.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub struct Event {
    pub id: cynic::Id,
    pub title: String,
    pub venue: String,
    pub city: String,
    pub starts_at: DateTime,
    pub ends_at: Option<DateTime>,
    pub time_zone: String,
    pub sales_start_at: Option<DateTime>,
    pub sales_end_at: Option<DateTime>,
    pub status: EventStatus,
    pub cancellation_reason: Option<String>,
    pub price: Money,
    pub total_tickets: i32,
    pub max_per_booking: i32,
    pub revision: i32,
    pub cover: Option<Cover>,
}

/// A picture of an event, with its address for three widths.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    pub alt: String,
    #[cynic(alias, rename = "url")]
    #[arguments(width: 400)]
    pub small: String,
    #[cynic(alias, rename = "url")]
    #[arguments(width: 800)]
    pub medium: String,
    #[cynic(alias, rename = "url")]
    #[arguments(width: 1600)]
    pub large: String,
}

/// An event with nothing more. Each type that has an [`Event`] spreads it, so the code that parses
/// it is compiled once.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Event")]
pub struct WholeEvent {
    #[cynic(spread)]
    pub event: Event,
}

impl ops::Deref for WholeEvent {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}

#[derive(cynic::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStatus {
    Draft,
    Published,
    Cancelled,
}

/// An event in a list, with its count and the user's booking.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Event")]
pub struct ListedEvent {
    pub remaining_tickets: i32,
    pub my_booking: Option<MyBooking>,
    #[cynic(spread)]
    pub event: Event,
}

/// The user's booking of an event.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Booking")]
pub struct MyBooking {
    pub id: cynic::Id,
    pub reference: String,
    pub quantity: i32,
    pub unit_price: Money,
}

#[derive(cynic::QueryFragment, serde::Serialize, Clone, Debug, PartialEq, Eq)]
pub struct Money {
    pub amount: Decimal,
    pub currency: String,
}

#[derive(cynic::InputObject, Clone, Debug, PartialEq, Eq)]
pub struct MoneyInput {
    pub amount: Decimal,
    pub currency: String,
}

impl From<Money> for MoneyInput {
    fn from(Money { amount, currency }: Money) -> Self {
        Self { amount, currency }
    }
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

#[derive(cynic::InputObject, Clone, Debug)]
pub struct EventFilter {
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub organizer_id: Option<cynic::Id>,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub starts_after: Option<DateTime>,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub starts_before: Option<DateTime>,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub available: Option<bool>,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub max_price: Option<MoneyInput>,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct EventListVariables {
    pub first: i32,
    pub offset: i32,
    pub search: Option<String>,
    pub filter: Option<EventFilter>,
    pub order_by: EventOrder,
}

/// One numbered page of the event list.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "EventListVariables")]
pub struct EventList {
    #[arguments(first: $first, offset: $offset, search: $search, filter: $filter, orderBy: $order_by)]
    pub events: EventConnection,
    #[arguments(first: 5)]
    pub cities: Vec<City>,
}

/// A city that has coming events.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub struct City {
    pub name: String,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub struct EventConnection {
    pub nodes: Vec<ListedEvent>,
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
    pub event: Option<EventOnPage>,
}

/// An event with all that its own page shows.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Event")]
pub struct EventOnPage {
    pub description: String,
    pub organizer: Organizer,
    pub remaining_tickets: i32,
    pub my_booking: Option<MyBooking>,
    #[cynic(spread)]
    pub event: Event,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub struct Organizer {
    pub id: cynic::Id,
    pub name: String,
    pub slug: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct OneOrganizerVariables {
    slug: String,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "OneOrganizerVariables")]
pub struct OneOrganizer {
    #[arguments(slug: $slug)]
    pub organizer: Option<Organizer>,
}

pub fn event_list(
    variables: EventListVariables,
) -> cynic::Operation<EventList, EventListVariables> {
    operation!(EventList, variables)
}

pub fn one_event(id: String) -> cynic::Operation<OneEvent, OneEventVariables> {
    operation!(OneEvent, OneEventVariables { id: id.into() })
}

pub fn one_organizer(slug: String) -> cynic::Operation<OneOrganizer, OneOrganizerVariables> {
    operation!(OneOrganizer, OneOrganizerVariables { slug })
}
