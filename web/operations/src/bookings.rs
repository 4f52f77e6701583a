//! Booking, cancelling, and the list of the user's bookings.

use super::{
    events::{Money, MoneyInput, WholeEvent},
    scalars::DateTime,
    schema,
};

#[derive(cynic::InputObject, Clone, Debug)]
pub struct BookEventInput {
    pub event_id: cynic::Id,
    pub quantity: i32,
    pub idempotency_key: Option<String>,
    pub expected_unit_price: Option<MoneyInput>,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct BookEventVariables {
    input: BookEventInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "BookEventVariables")]
pub struct BookEvent {
    #[arguments(input: $input)]
    pub book_event: BookEventResult,
}

#[derive(cynic::InlineFragments, Debug)]
#[expect(clippy::large_enum_variant, reason = "an answer is one value, which is used at once")]
pub enum BookEventResult {
    BookEventSuccess(BookEventSuccess),
    SoldOut(SoldOut),
    AlreadyBooked(AlreadyBooked),
    BookingClosed(BookingClosed),
    PriceChanged(PriceChanged),
    /// A refusal that was added after this client was built.
    #[cynic(fallback)]
    Other,
}

#[derive(cynic::QueryFragment, Debug)]
pub struct BookEventSuccess {
    pub booking: BookingWithCount,
}

/// A booking, with its event's count after the booking.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Booking")]
pub struct BookingWithCount {
    pub id: cynic::Id,
    pub reference: String,
    pub quantity: i32,
    pub unit_price: Money,
    pub status: BookingStatus,
    pub event: EventCount,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Event")]
pub struct EventCount {
    pub remaining_tickets: i32,
    pub total_tickets: i32,
}

#[derive(cynic::QueryFragment, Debug)]
pub struct SoldOut {
    pub remaining_tickets: i32,
    pub event: EventCount,
}

#[derive(cynic::QueryFragment, Debug)]
pub struct AlreadyBooked {
    pub booking: BookingWithCount,
}

#[derive(cynic::QueryFragment, Debug)]
pub struct BookingClosed {
    pub message: String,
    pub reason: ClosedReason,
}

#[derive(cynic::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedReason {
    NotYetOnSale,
    SaleEnded,
    Started,
    Cancelled,
    CheckedIn,
    /// A reason that was added after this client was built.
    #[cynic(fallback)]
    Other,
}

#[derive(cynic::QueryFragment, Debug)]
pub struct PriceChanged {
    pub price: Money,
    pub event: WholeEvent,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct CancelBookingInput {
    booking_id: cynic::Id,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct CancelBookingVariables {
    input: CancelBookingInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "CancelBookingVariables")]
pub struct CancelBooking {
    #[arguments(input: $input)]
    pub cancel_booking: CancelBookingResult,
}

#[derive(cynic::InlineFragments, Debug)]
pub enum CancelBookingResult {
    CancelBookingSuccess(CancelBookingSuccess),
    BookingClosed(BookingClosed),
    /// A refusal that was added after this client was built.
    #[cynic(fallback)]
    Other,
}

#[derive(cynic::QueryFragment, Debug)]
pub struct CancelBookingSuccess {
    pub booking: Cancellation,
}

/// What a cancellation changes of a booking, and its event's count after it.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Booking")]
pub struct Cancellation {
    pub status: BookingStatus,
    pub cancelled_at: Option<DateTime>,
    pub cancelled_by: Option<CancelledBy>,
    pub cancellation_reason: Option<String>,
    pub event: EventCount,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct ChangeBookingInput {
    booking_id: cynic::Id,
    quantity: i32,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct ChangeBookingVariables {
    input: ChangeBookingInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "ChangeBookingVariables")]
pub struct ChangeBooking {
    #[arguments(input: $input)]
    pub change_booking: ChangeBookingResult,
}

#[derive(cynic::InlineFragments, Debug)]
pub enum ChangeBookingResult {
    ChangeBookingSuccess(ChangeBookingSuccess),
    SoldOut(TooFewLeft),
    BookingClosed(ChangesClosed),
    PriceChanged(OtherPrice),
    BookingCancelled(NothingToChange),
    /// A refusal that was added after this client was built.
    #[cynic(fallback)]
    Other,
}

#[derive(cynic::QueryFragment, Debug)]
pub struct ChangeBookingSuccess {
    pub booking: BookingWithCount,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "SoldOut")]
pub struct TooFewLeft {
    pub message: String,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "BookingClosed")]
pub struct ChangesClosed {
    pub message: String,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "PriceChanged")]
pub struct OtherPrice {
    pub message: String,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "BookingCancelled")]
pub struct NothingToChange {
    pub message: String,
}

#[derive(cynic::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookingStatus {
    Confirmed,
    Cancelled,
}

/// A booking in the list.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub struct Booking {
    pub id: cynic::Id,
    pub quantity: i32,
    pub status: BookingStatus,
    pub reference: String,
    pub unit_price: Money,
    pub total_price: Money,
    pub created_at: DateTime,
    pub cancelled_at: Option<DateTime>,
    pub cancelled_by: Option<CancelledBy>,
    pub cancellation_reason: Option<String>,
    pub event: WholeEvent,
    pub tickets: Vec<TicketUse>,
}

/// Whether somebody has gone in with a ticket.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
#[cynic(graphql_type = "Ticket")]
pub struct TicketUse {
    pub checked_in_at: Option<DateTime>,
}

#[derive(cynic::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelledBy {
    Buyer,
    Organizer,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct MyBookingsVariables {
    first: i32,
    after: Option<String>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "MyBookingsVariables")]
pub struct MyBookings {
    pub me: Option<MeWithBookings>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "User", variables = "MyBookingsVariables")]
pub struct MeWithBookings {
    pub email: String,
    pub email_verified: bool,
    #[arguments(first: $first, after: $after)]
    pub bookings: BookingConnection,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
pub struct BookingConnection {
    pub nodes: Vec<Booking>,
    pub page_info: PageInfo,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub struct PageInfo {
    pub has_next_page: bool,
    pub end_cursor: Option<String>,
}

pub fn book_event(input: BookEventInput) -> cynic::Operation<BookEvent, BookEventVariables> {
    operation!(BookEvent, BookEventVariables { input })
}

pub fn cancel_booking(
    booking_id: cynic::Id,
) -> cynic::Operation<CancelBooking, CancelBookingVariables> {
    operation!(CancelBooking, CancelBookingVariables { input: CancelBookingInput { booking_id } })
}

pub fn change_booking(
    booking_id: cynic::Id,
    quantity: i32,
) -> cynic::Operation<ChangeBooking, ChangeBookingVariables> {
    let input = ChangeBookingInput { booking_id, quantity };
    operation!(ChangeBooking, ChangeBookingVariables { input })
}

/// The newest bookings, or those after the cursor.
pub fn my_bookings(
    first: i32,
    after: Option<String>,
) -> cynic::Operation<MyBookings, MyBookingsVariables> {
    operation!(MyBookings, MyBookingsVariables { first, after })
}
