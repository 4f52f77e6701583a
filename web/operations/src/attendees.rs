//! Who has booked an event, and cancelling a booking for a buyer.

use super::{
    bookings::{BookingStatus, PageInfo},
    events::{EventStatus, Money},
    organizers::{EventSales, ManagedOrganizer},
    scalars::DateTime,
    schema,
};

#[derive(cynic::QueryVariables, Clone, Debug)]
pub struct AttendeesVariables {
    pub id: cynic::Id,
    pub first: i32,
    pub after: Option<String>,
    pub search: Option<String>,
    pub status: Option<BookingStatus>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "AttendeesVariables")]
pub struct Attendees {
    #[arguments(id: $id)]
    pub event: Option<AttendedEvent>,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Event", variables = "AttendeesVariables")]
pub struct AttendedEvent {
    pub id: cynic::Id,
    pub title: String,
    pub status: EventStatus,
    pub starts_at: DateTime,
    pub time_zone: String,
    pub organizer: ManagedOrganizer,
    pub sales: Option<EventSales>,
    #[arguments(first: $first, after: $after, search: $search, status: $status)]
    pub attendees: Option<AttendeeConnection>,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub struct AttendeeConnection {
    pub nodes: Vec<Attendee>,
    pub page_info: PageInfo,
    pub total_count: i32,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub struct Attendee {
    pub name: String,
    pub email: String,
    pub booking: AttendeesBooking,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Booking")]
pub struct AttendeesBooking {
    pub id: cynic::Id,
    pub reference: String,
    pub quantity: i32,
    pub status: BookingStatus,
    pub created_at: DateTime,
    pub cancelled_at: Option<DateTime>,
    pub cancelled_by: Option<CancelledBy>,
    pub cancellation_reason: Option<String>,
    pub total_price: Money,
    /// Empty once the booking is cancelled.
    pub tickets: Vec<AttendeesTicket>,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
#[cynic(graphql_type = "Ticket")]
pub struct AttendeesTicket {
    pub checked_in_at: Option<DateTime>,
}

#[derive(cynic::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelledBy {
    Buyer,
    Organizer,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct CancelAttendeeBookingInput {
    booking_id: cynic::Id,
    reason: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct CancelAttendeeBookingVariables {
    input: CancelAttendeeBookingInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "CancelAttendeeBookingVariables")]
pub struct CancelAttendeeBooking {
    #[arguments(input: $input)]
    pub cancel_attendee_booking: CancelAttendeeBookingResult,
}

#[derive(cynic::InlineFragments, Debug)]
#[cynic(graphql_type = "CancelBookingResult")]
pub enum CancelAttendeeBookingResult {
    CancelBookingSuccess(AttendeesBookingCancelled),
    BookingClosed(super::bookings::BookingClosed),
    /// A refusal that was added after this client was built.
    #[cynic(fallback)]
    Other,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "CancelBookingSuccess")]
pub struct AttendeesBookingCancelled {
    pub booking: AttendeesBooking,
}

pub fn attendees(variables: AttendeesVariables) -> cynic::Operation<Attendees, AttendeesVariables> {
    operation!(Attendees, variables)
}

pub fn cancel_attendee_booking(
    booking_id: cynic::Id,
    reason: String,
) -> cynic::Operation<CancelAttendeeBooking, CancelAttendeeBookingVariables> {
    let input = CancelAttendeeBookingInput { booking_id, reason };
    operation!(CancelAttendeeBooking, CancelAttendeeBookingVariables { input })
}
