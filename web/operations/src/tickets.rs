//! One booking with its tickets.

use super::{
    bookings::{BookingStatus, CancelledBy},
    events::{Money, WholeEvent},
    scalars::DateTime,
    schema,
};

#[derive(cynic::QueryVariables, Debug)]
pub struct BookingVariables {
    id: cynic::Id,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "BookingVariables")]
pub struct OneBooking {
    pub me: Option<Buyer>,
    #[arguments(id: $id)]
    pub node: Option<BookingNode>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "User")]
pub struct Buyer {
    pub name: String,
}

#[derive(cynic::InlineFragments, Debug)]
#[cynic(graphql_type = "Node")]
#[expect(clippy::large_enum_variant, reason = "an answer is one value, which is used at once")]
pub enum BookingNode {
    Booking(BookingOnPage),
    #[cynic(fallback)]
    Other,
}

/// A booking on its own page.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Booking")]
pub struct BookingOnPage {
    pub calendar_file: String,
    pub event: WholeEvent,
    #[cynic(spread)]
    pub booking: BookingWithTickets,
}

/// The part of a booking that no edit of its event changes.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Booking")]
pub struct BookingWithTickets {
    pub id: cynic::Id,
    pub quantity: i32,
    pub status: BookingStatus,
    pub reference: String,
    pub unit_price: Money,
    pub total_price: Money,
    pub cancelled_at: Option<DateTime>,
    pub cancelled_by: Option<CancelledBy>,
    pub cancellation_reason: Option<String>,
    pub tickets: Vec<Ticket>,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub number: i32,
    pub code: String,
    pub checked_in_at: Option<DateTime>,
}

/// A booking of the signed-in user.
pub fn one_booking(id: String) -> cynic::Operation<OneBooking, BookingVariables> {
    operation!(OneBooking, BookingVariables { id: id.into() })
}
