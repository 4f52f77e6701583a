//! Letting people in: checking tickets in, finding who has booked, and how many are in.

use super::{
    attendees::CancelledBy, bookings::BookingStatus, events::EventStatus,
    organizers::ManagedOrganizer, scalars::DateTime, schema,
};

#[derive(cynic::QueryVariables, Debug)]
pub struct EventAtDoorVariables {
    id: cynic::Id,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "EventAtDoorVariables")]
pub struct EventAtDoor {
    #[arguments(id: $id)]
    pub event: Option<DoorEvent>,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
#[cynic(graphql_type = "Event")]
pub struct DoorEvent {
    pub id: cynic::Id,
    pub title: String,
    pub status: EventStatus,
    pub time_zone: String,
    pub organizer: ManagedOrganizer,
    /// Null for everybody but members.
    pub arrivals: Option<Arrivals>,
}

#[derive(cynic::QueryFragment, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrivals {
    pub arrived: i32,
    pub expected: i32,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct GuestsVariables {
    id: cynic::Id,
    first: i32,
    search: Option<String>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "GuestsVariables")]
pub struct Guests {
    #[arguments(id: $id)]
    pub event: Option<EventWithGuests>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Event", variables = "GuestsVariables")]
pub struct EventWithGuests {
    #[arguments(first: $first, search: $search)]
    pub attendees: Option<GuestConnection>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "AttendeeConnection")]
pub struct GuestConnection {
    pub nodes: Vec<Guest>,
}

/// Somebody who has booked, with the tickets.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Attendee")]
pub struct Guest {
    pub name: String,
    pub email: String,
    pub booking: GuestBooking,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Booking")]
pub struct GuestBooking {
    pub id: cynic::Id,
    pub reference: String,
    pub status: BookingStatus,
    pub cancelled_by: Option<CancelledBy>,
    pub tickets: Vec<DoorTicket>,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
#[cynic(graphql_type = "Ticket")]
pub struct DoorTicket {
    pub number: i32,
    /// The reference with the number, which is no secret.
    pub code: String,
    pub checked_in_at: Option<DateTime>,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct CheckInInput {
    pub event_id: cynic::Id,
    pub code: String,
    pub scan_id: Option<String>,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct CheckInVariables {
    input: CheckInInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "CheckInVariables")]
pub struct CheckIn {
    #[arguments(input: $input)]
    pub check_in: CheckInResult,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "CheckInVariables")]
pub struct UndoCheckIn {
    #[arguments(input: $input)]
    pub undo_check_in: CheckInResult,
}

#[derive(cynic::InlineFragments, Clone, Debug, PartialEq, Eq)]
pub enum CheckInResult {
    CheckInSuccess(CheckInSuccess),
    AlreadyCheckedIn(AlreadyCheckedIn),
    TicketCancelled(TicketCancelled),
    WrongEvent(WrongEvent),
    NotATicket(NotATicket),
    /// A refusal that was added after this client was built.
    #[cynic(fallback)]
    Other,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub struct CheckInSuccess {
    pub name: String,
    pub ticket: DoorTicket,
    pub booking: DoorBooking,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
#[cynic(graphql_type = "Booking")]
pub struct DoorBooking {
    pub quantity: i32,
    pub reference: String,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub struct AlreadyCheckedIn {
    pub at: DateTime,
    pub by: String,
    pub name: String,
    pub ticket: DoorTicket,
    pub booking: DoorBooking,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub struct TicketCancelled {
    pub message: String,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub struct WrongEvent {
    pub message: String,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub struct NotATicket {
    pub message: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct WatchArrivalsVariables {
    event_id: cynic::Id,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Subscription", variables = "WatchArrivalsVariables")]
pub struct WatchArrivals {
    #[arguments(eventId: $event_id)]
    pub arrivals: Arrivals,
}

pub fn event_at_door(id: String) -> cynic::Operation<EventAtDoor, EventAtDoorVariables> {
    operation!(EventAtDoor, EventAtDoorVariables { id: id.into() })
}

/// The first attendees whose name, email address or reference matches.
pub fn guests(
    id: cynic::Id,
    first: i32,
    search: String,
) -> cynic::Operation<Guests, GuestsVariables> {
    operation!(Guests, GuestsVariables { id, first, search: Some(search) })
}

pub fn check_in(input: CheckInInput) -> cynic::Operation<CheckIn, CheckInVariables> {
    operation!(CheckIn, CheckInVariables { input })
}

pub fn undo_check_in(input: CheckInInput) -> cynic::Operation<UndoCheckIn, CheckInVariables> {
    operation!(UndoCheckIn, CheckInVariables { input })
}

pub fn watch_arrivals(
    event_id: cynic::Id,
) -> cynic::Operation<WatchArrivals, WatchArrivalsVariables> {
    operation!(WatchArrivals, WatchArrivalsVariables { event_id })
}
