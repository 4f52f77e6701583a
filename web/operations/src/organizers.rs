//! Organizers, their members, and the list of all their events.

use super::{
    bookings::PageInfo,
    events::{Event, Money},
    schema,
};

#[derive(cynic::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganizerRole {
    Owner,
    Manager,
    Door,
}

/// An organizer, and what the viewer is there.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
#[cynic(graphql_type = "Organizer")]
pub struct ManagedOrganizer {
    pub id: cynic::Id,
    pub slug: String,
    pub name: String,
    pub viewer_role: Option<OrganizerRole>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query")]
pub struct MyOrganizers {
    pub me: Option<MeWithOrganizers>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "User")]
pub struct MeWithOrganizers {
    pub can_create_organizers: bool,
    pub organizers: Vec<ManagedOrganizer>,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct SlugVariables {
    slug: String,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "SlugVariables")]
pub struct OrganizerToManage {
    #[arguments(slug: $slug)]
    pub organizer: Option<ManagedOrganizer>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "SlugVariables")]
pub struct MembersOfOrganizer {
    #[arguments(slug: $slug)]
    pub organizer: Option<OrganizerWithMembers>,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
#[cynic(graphql_type = "Organizer")]
pub struct OrganizerWithMembers {
    /// Null for everybody but members.
    pub members: Option<Vec<OrganizerMember>>,
    #[cynic(spread)]
    pub organizer: ManagedOrganizer,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub struct OrganizerMember {
    pub role: OrganizerRole,
    pub user: OrganizerUser,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub struct OrganizerUser {
    pub id: cynic::Id,
    pub name: String,
    pub email: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct EventsOfOrganizerVariables {
    slug: String,
    first: i32,
    after: Option<String>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "EventsOfOrganizerVariables")]
pub struct EventsOfOrganizer {
    #[arguments(slug: $slug)]
    pub organizer: Option<OrganizerWithEvents>,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Organizer", variables = "EventsOfOrganizerVariables")]
pub struct OrganizerWithEvents {
    #[arguments(first: $first, after: $after)]
    pub events: OrganizersEventConnection,
    #[cynic(spread)]
    pub organizer: ManagedOrganizer,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "EventConnection")]
pub struct OrganizersEventConnection {
    pub nodes: Vec<OrganizersEvent>,
    pub page_info: PageInfo,
}

/// An event in the list of its organizer.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq)]
#[cynic(graphql_type = "Event")]
pub struct OrganizersEvent {
    pub remaining_tickets: i32,
    pub sales: Option<EventSales>,
    #[cynic(spread)]
    pub event: Event,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub struct EventSales {
    pub confirmed_bookings: i32,
    pub cancelled_bookings: i32,
    pub sold_tickets: i32,
    pub takings: Money,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct SalesOfEventVariables {
    id: cynic::Id,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "SalesOfEventVariables")]
pub struct SalesOfEvent {
    #[arguments(id: $id)]
    pub event: Option<SoldEvent>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Event")]
pub struct SoldEvent {
    pub sales: Option<EventSales>,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct CreateOrganizerInput {
    pub name: String,
    pub slug: Option<String>,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct CreateOrganizerVariables {
    input: CreateOrganizerInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "CreateOrganizerVariables")]
pub struct CreateOrganizer {
    #[arguments(input: $input)]
    pub create_organizer: ManagedOrganizer,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct UpdateOrganizerInput {
    pub organizer_id: cynic::Id,
    // The server refuses null.
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct UpdateOrganizerVariables {
    input: UpdateOrganizerInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "UpdateOrganizerVariables")]
pub struct UpdateOrganizer {
    #[arguments(input: $input)]
    pub update_organizer: ManagedOrganizer,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct SetOrganizerMemberInput {
    pub organizer_id: cynic::Id,
    pub email: String,
    pub role: OrganizerRole,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct SetOrganizerMemberVariables {
    input: SetOrganizerMemberInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "SetOrganizerMemberVariables")]
pub struct SetOrganizerMember {
    #[arguments(input: $input)]
    pub set_organizer_member: OrganizerWithMembers,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct RemoveOrganizerMemberInput {
    pub organizer_id: cynic::Id,
    pub user_id: cynic::Id,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct RemoveOrganizerMemberVariables {
    input: RemoveOrganizerMemberInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "RemoveOrganizerMemberVariables")]
pub struct RemoveOrganizerMember {
    #[arguments(input: $input)]
    pub remove_organizer_member: OrganizerWithMembers,
}

/// The organizers that the viewer is a member of.
pub fn my_organizers() -> cynic::Operation<MyOrganizers, ()> {
    operation!(MyOrganizers, ())
}

pub fn organizer_to_manage(slug: String) -> cynic::Operation<OrganizerToManage, SlugVariables> {
    operation!(OrganizerToManage, SlugVariables { slug })
}

pub fn members_of_organizer(slug: String) -> cynic::Operation<MembersOfOrganizer, SlugVariables> {
    operation!(MembersOfOrganizer, SlugVariables { slug })
}

/// The organizer's first events, or those after the cursor, with drafts.
pub fn events_of_organizer(
    slug: String,
    first: i32,
    after: Option<String>,
) -> cynic::Operation<EventsOfOrganizer, EventsOfOrganizerVariables> {
    operation!(EventsOfOrganizer, EventsOfOrganizerVariables { slug, first, after })
}

/// What an event has sold and taken.
pub fn sales_of_event(id: cynic::Id) -> cynic::Operation<SalesOfEvent, SalesOfEventVariables> {
    operation!(SalesOfEvent, SalesOfEventVariables { id })
}

pub fn create_organizer(
    input: CreateOrganizerInput,
) -> cynic::Operation<CreateOrganizer, CreateOrganizerVariables> {
    operation!(CreateOrganizer, CreateOrganizerVariables { input })
}

pub fn update_organizer(
    input: UpdateOrganizerInput,
) -> cynic::Operation<UpdateOrganizer, UpdateOrganizerVariables> {
    operation!(UpdateOrganizer, UpdateOrganizerVariables { input })
}

pub fn set_organizer_member(
    input: SetOrganizerMemberInput,
) -> cynic::Operation<SetOrganizerMember, SetOrganizerMemberVariables> {
    operation!(SetOrganizerMember, SetOrganizerMemberVariables { input })
}

pub fn remove_organizer_member(
    input: RemoveOrganizerMemberInput,
) -> cynic::Operation<RemoveOrganizerMember, RemoveOrganizerMemberVariables> {
    operation!(RemoveOrganizerMember, RemoveOrganizerMemberVariables { input })
}
