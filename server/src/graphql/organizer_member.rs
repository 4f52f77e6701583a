//! The members of an organizer, as other members see them.

use async_graphql::{Enum, ID, SimpleObject};
use rowlock_entities::organizer_member::Role;

use crate::organizers::Member;

/// What a member of an organizer may do. Every member sees drafts, attendees and the other members,
/// and may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Role")]
pub(super) enum OrganizerRole {
    /// Everything: also the organizer's name, and its members. Each organizer keeps an owner.
    Owner,
    /// Events and bookings: creates, edits, publishes and cancels them.
    Manager,
    /// The door: checks tickets in, sees events and bookings, and changes nothing else.
    Door,
}

/// A person with a role in an organizer.
#[derive(SimpleObject)]
pub(super) struct OrganizerMember {
    /// The person.
    user: OrganizerUser,
    /// The person's role.
    role: OrganizerRole,
}

/// A person, as the other members of an organizer see them.
#[derive(SimpleObject)]
pub(super) struct OrganizerUser {
    /// UUIDv7.
    id: ID,
    /// The name to address the person by.
    name: String,
    /// Email address, in lower case.
    email: String,
}

impl From<Member> for OrganizerMember {
    fn from(Member { user, role }: Member) -> Self {
        let user = OrganizerUser { id: user.id.0.into(), name: user.name, email: user.email };
        Self { user, role: role.into() }
    }
}
