//! Booking, cancelling, and what the signed-in person has booked.

use cynic::{MutationBuilder, QueryBuilder};

use super::{DateTime, schema};

#[derive(cynic::InputObject, Clone, Debug)]
pub(crate) struct BookEventInput {
    pub(crate) event_id: cynic::Id,
    pub(crate) quantity: i32,
    pub(crate) idempotency_key: Option<String>,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct BookEventVariables {
    input: BookEventInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "BookEventVariables")]
pub(crate) struct BookEvent {
    #[arguments(input: $input)]
    pub(crate) book_event: BookEventResult,
}

#[derive(cynic::InlineFragments, Debug)]
pub(crate) enum BookEventResult {
    BookEventSuccess(BookEventSuccess),
    SoldOut(SoldOut),
    AlreadyBooked(AlreadyBooked),
    BookingClosed(BookingClosed),
    /// A refusal that a newer server knows.
    #[cynic(fallback)]
    Other,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct BookEventSuccess {
    pub(crate) booking: Booked,
}

/// A booking with its event's count after it.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Booking")]
pub(crate) struct Booked {
    pub(crate) quantity: i32,
    pub(crate) status: BookingStatus,
    pub(crate) event: EventCount,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Event")]
pub(crate) struct EventCount {
    pub(crate) remaining_tickets: i32,
    pub(crate) total_tickets: i32,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct SoldOut {
    pub(crate) remaining_tickets: i32,
    pub(crate) event: EventCount,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct AlreadyBooked {
    pub(crate) booking: Booked,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct BookingClosed {
    pub(crate) message: String,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub(crate) struct CancelBookingInput {
    booking_id: cynic::Id,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct CancelBookingVariables {
    input: CancelBookingInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "CancelBookingVariables")]
pub(crate) struct CancelBooking {
    #[arguments(input: $input)]
    pub(crate) cancel_booking: CancelBookingResult,
}

#[derive(cynic::InlineFragments, Debug)]
pub(crate) enum CancelBookingResult {
    CancelBookingSuccess(CancelBookingSuccess),
    BookingClosed(BookingClosed),
    /// A refusal that a newer server knows.
    #[cynic(fallback)]
    Other,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct CancelBookingSuccess {
    pub(crate) booking: Booking,
}

#[derive(cynic::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BookingStatus {
    Confirmed,
    Cancelled,
}

/// What the list shows of a booking.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub(crate) struct Booking {
    pub(crate) id: cynic::Id,
    pub(crate) quantity: i32,
    pub(crate) status: BookingStatus,
    pub(crate) created_at: DateTime,
    pub(crate) cancelled_at: Option<DateTime>,
    pub(crate) event: BookedEvent,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Event")]
pub(crate) struct BookedEvent {
    pub(crate) id: cynic::Id,
    pub(crate) title: String,
    pub(crate) venue: String,
    pub(crate) starts_at: DateTime,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct MyBookingsVariables {
    first: i32,
    after: Option<String>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "MyBookingsVariables")]
pub(crate) struct MyBookings {
    pub(crate) me: Option<MeWithBookings>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "User", variables = "MyBookingsVariables")]
pub(crate) struct MeWithBookings {
    #[arguments(first: $first, after: $after)]
    pub(crate) bookings: BookingConnection,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub(crate) struct BookingConnection {
    pub(crate) nodes: Vec<Booking>,
    pub(crate) page_info: PageInfo,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageInfo {
    pub(crate) has_next_page: bool,
    pub(crate) end_cursor: Option<String>,
}

pub(crate) fn book_event(input: BookEventInput) -> cynic::Operation<BookEvent, BookEventVariables> {
    BookEvent::build(BookEventVariables { input })
}

pub(crate) fn cancel_booking(
    booking_id: cynic::Id,
) -> cynic::Operation<CancelBooking, CancelBookingVariables> {
    CancelBooking::build(CancelBookingVariables { input: CancelBookingInput { booking_id } })
}

/// The newest bookings, or those after the cursor.
pub(crate) fn my_bookings(
    first: i32,
    after: Option<String>,
) -> cynic::Operation<MyBookings, MyBookingsVariables> {
    MyBookings::build(MyBookingsVariables { first, after })
}
