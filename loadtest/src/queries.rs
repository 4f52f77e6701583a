//! Every operation that the load test sends. The compiler checks them against `schema.graphql`.

#[cynic::schema("rowlock")]
mod schema {}

// Accounts

#[derive(cynic::InputObject, Debug)]
pub(crate) struct RegisterInput {
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) name: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct RegisterVariables {
    pub(crate) input: RegisterInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "RegisterVariables")]
pub(crate) struct Register {
    #[arguments(input: $input)]
    pub(crate) register: AuthPayload,
}

#[derive(cynic::InputObject, Debug)]
pub(crate) struct LoginInput {
    pub(crate) email: String,
    pub(crate) password: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct LoginVariables {
    pub(crate) input: LoginInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "LoginVariables")]
pub(crate) struct Login {
    #[arguments(input: $input)]
    pub(crate) login: AuthPayload,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct AuthPayload {
    pub(crate) access_token: String,
}

// Events

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct EventsVariables {
    pub(crate) after: Option<String>,
    pub(crate) search: Option<String>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "EventsVariables")]
pub(crate) struct Events {
    #[arguments(first: 50, after: $after, search: $search)]
    pub(crate) events: EventConnection,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct EventConnection {
    pub(crate) nodes: Vec<Event>,
    pub(crate) page_info: PageInfo,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct PageInfo {
    pub(crate) has_next_page: bool,
    pub(crate) end_cursor: Option<String>,
}

#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: cynic::Id,
    pub(crate) title: String,
    pub(crate) total_tickets: i32,
    pub(crate) remaining_tickets: i32,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct EventCardsVariables {
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub(crate) search: Option<String>,
}

/// The fields that the first page of the list shows.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "EventCardsVariables")]
pub(crate) struct EventCards {
    #[arguments(first: 10, search: $search)]
    pub(crate) events: EventCardConnection,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "EventConnection")]
pub(crate) struct EventCardConnection {
    pub(crate) nodes: Vec<EventCard>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Event")]
#[expect(dead_code, reason = "a page shows these fields, so the load test requests them")]
pub(crate) struct EventCard {
    pub(crate) id: cynic::Id,
    pub(crate) title: String,
    pub(crate) starts_at: DateTime,
    pub(crate) venue: String,
    pub(crate) price: Money,
    pub(crate) total_tickets: i32,
    pub(crate) remaining_tickets: i32,
}

#[derive(cynic::QueryFragment, Clone, Debug)]
#[expect(dead_code, reason = "a page shows its currency, so the load test requests it")]
pub(crate) struct Money {
    pub(crate) amount: Decimal,
    pub(crate) currency: String,
}

#[derive(cynic::Scalar, Clone, Debug)]
pub(crate) struct DateTime(pub(crate) String);

#[derive(cynic::Scalar, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal(pub(crate) String);

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct EventVariables {
    pub(crate) id: cynic::Id,
}

/// An event with the viewer's booking.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "EventVariables")]
pub(crate) struct EventById {
    #[arguments(id: $id)]
    pub(crate) event: Option<EventWithBooking>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Event")]
pub(crate) struct EventWithBooking {
    pub(crate) remaining_tickets: i32,
    pub(crate) my_booking: Option<Booking>,
}

#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct Booking {
    pub(crate) id: cynic::Id,
    pub(crate) quantity: i32,
}

// Bookings

#[derive(cynic::InputObject, Debug)]
pub(crate) struct BookEventInput {
    pub(crate) event_id: cynic::Id,
    pub(crate) quantity: i32,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub(crate) idempotency_key: Option<String>,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct BookEventVariables {
    pub(crate) input: BookEventInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "BookEventVariables")]
pub(crate) struct BookEvent {
    #[arguments(input: $input)]
    pub(crate) book_event: BookEventResult,
}

#[derive(cynic::InlineFragments, Clone, Debug)]
pub(crate) enum BookEventResult {
    BookEventSuccess(BookEventSuccess),
    SoldOut(SoldOut),
    AlreadyBooked(AlreadyBooked),
    BookingClosed(BookingClosed),
    #[cynic(fallback)]
    Other,
}

impl BookEventResult {
    /// One or two words, for a table.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::BookEventSuccess(_) => "booked",
            Self::SoldOut(_) => "sold out",
            Self::AlreadyBooked(_) => "already booked",
            Self::BookingClosed(_) => "closed",
            Self::Other => "unknown type",
        }
    }
}

#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct BookEventSuccess {
    pub(crate) booking: Booking,
}

#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct SoldOut {
    pub(crate) remaining_tickets: i32,
}

#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct AlreadyBooked {
    pub(crate) message: String,
}

#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct BookingClosed {
    pub(crate) message: String,
}

#[derive(cynic::InputObject, Debug)]
pub(crate) struct CancelBookingInput {
    pub(crate) booking_id: cynic::Id,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct CancelBookingVariables {
    pub(crate) input: CancelBookingInput,
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
    #[cynic(fallback)]
    Other,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct CancelBookingSuccess {
    pub(crate) booking: Booking,
}

// What organizers do

#[derive(cynic::InputObject, Debug)]
pub(crate) struct CreateOrganizerInput {
    pub(crate) name: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct CreateOrganizerVariables {
    pub(crate) input: CreateOrganizerInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "CreateOrganizerVariables")]
pub(crate) struct CreateOrganizer {
    #[arguments(input: $input)]
    pub(crate) create_organizer: Organizer,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct Organizer {
    pub(crate) id: cynic::Id,
    pub(crate) slug: String,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub(crate) struct MoneyInput {
    pub(crate) amount: Decimal,
    pub(crate) currency: String,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub(crate) struct ImportedEventInput {
    pub(crate) external_id: String,
    pub(crate) title: String,
    pub(crate) venue: String,
    pub(crate) time_zone: String,
    pub(crate) starts_at: DateTime,
    pub(crate) price: MoneyInput,
    pub(crate) total_tickets: i32,
    pub(crate) publish: bool,
}

#[derive(cynic::InputObject, Debug)]
pub(crate) struct ImportEventsInput {
    pub(crate) organizer_id: cynic::Id,
    pub(crate) events: Vec<ImportedEventInput>,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct ImportEventsVariables {
    pub(crate) input: ImportEventsInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "ImportEventsVariables")]
pub(crate) struct ImportEvents {
    #[arguments(input: $input)]
    pub(crate) import_events: ImportEventsPayload,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct ImportEventsPayload {
    pub(crate) created: i32,
}

#[derive(cynic::InputObject, Debug)]
pub(crate) struct UpdateEventInput {
    pub(crate) event_id: cynic::Id,
    pub(crate) revision: i32,
    pub(crate) title: String,
    pub(crate) price: MoneyInput,
    pub(crate) total_tickets: i32,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct UpdateEventVariables {
    pub(crate) input: UpdateEventInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "UpdateEventVariables")]
pub(crate) struct UpdateEvent {
    #[arguments(input: $input)]
    pub(crate) update_event: UpdateEventResult,
}

#[derive(cynic::InputObject, Debug)]
pub(crate) struct CancelEventInput {
    pub(crate) event_id: cynic::Id,
    pub(crate) reason: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct CancelEventVariables {
    pub(crate) input: CancelEventInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "CancelEventVariables")]
pub(crate) struct CancelEvent {
    #[arguments(input: $input)]
    pub(crate) cancel_event: UpdateEventResult,
}

#[derive(cynic::InlineFragments, Debug)]
pub(crate) enum UpdateEventResult {
    UpdateEventSuccess(UpdateEventSuccess),
    EventChanged(EventChanged),
    /// The name of another type.
    #[cynic(fallback)]
    Other(String),
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct UpdateEventSuccess {
    pub(crate) event: ManagedEvent,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct EventChanged {
    pub(crate) event: ManagedEvent,
}

/// An event as its organizer sees it.
#[derive(cynic::QueryFragment, Clone, Debug)]
#[cynic(graphql_type = "Event")]
pub(crate) struct ManagedEvent {
    pub(crate) id: cynic::Id,
    pub(crate) external_id: Option<String>,
    pub(crate) status: EventStatus,
    pub(crate) revision: i32,
    pub(crate) title: String,
    pub(crate) price: Money,
    pub(crate) total_tickets: i32,
}

#[derive(cynic::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventStatus {
    Draft,
    Published,
    Cancelled,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct EventsOfOrganizerVariables {
    pub(crate) slug: String,
    pub(crate) after: Option<String>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "EventsOfOrganizerVariables")]
pub(crate) struct EventsOfOrganizer {
    #[arguments(slug: $slug)]
    pub(crate) organizer: Option<OrganizerWithEvents>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Organizer", variables = "EventsOfOrganizerVariables")]
pub(crate) struct OrganizerWithEvents {
    #[arguments(first: 50, after: $after)]
    pub(crate) events: ManagedEventConnection,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "EventConnection")]
pub(crate) struct ManagedEventConnection {
    pub(crate) nodes: Vec<ManagedEvent>,
    pub(crate) page_info: PageInfo,
}

/// What was sold of an event.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "EventVariables")]
pub(crate) struct SalesOfEvent {
    #[arguments(id: $id)]
    pub(crate) event: Option<EventWithSales>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Event")]
pub(crate) struct EventWithSales {
    pub(crate) sales: Option<EventSales>,
}

#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct EventSales {
    pub(crate) confirmed_bookings: i32,
}

// Live counts

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct RemainingTicketsVariables {
    pub(crate) event_ids: Option<Vec<cynic::Id>>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Subscription", variables = "RemainingTicketsVariables")]
pub(crate) struct RemainingTickets {
    #[arguments(eventIds: $event_ids)]
    pub(crate) remaining_tickets: TicketUpdate,
}

#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct TicketUpdate {
    pub(crate) event_id: cynic::Id,
    pub(crate) total_tickets: i32,
    pub(crate) remaining_tickets: i32,
    pub(crate) version: i32,
}
