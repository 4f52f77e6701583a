//! What each role may do: the one place where permissions are decided.

use rowlock_entities::organizer_member::Role;

/// What only members of an organizer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// See events that were never published.
    SeeDrafts,
    /// See who the members are.
    SeeMembers,
    /// See and download who holds tickets, and what was sold.
    SeeAttendees,
    /// Check tickets in at the door, and take that back.
    CheckIn,
    /// Cancel the booking of a buyer.
    CancelBookings,
    /// Create, edit, publish, cancel, import and export events, and give them pictures.
    ManageEvents,
    /// Change the organizer's name and slug.
    EditOrganizer,
    /// Add and remove members, and change their roles. Everybody may leave.
    ManageMembers,
}

impl Action {
    /// Whether a member with this role may do it.
    pub(crate) fn is_allowed_to(self, role: Role) -> bool {
        match self {
            Self::SeeDrafts | Self::SeeMembers | Self::SeeAttendees | Self::CheckIn => match role {
                Role::Owner | Role::Manager | Role::Door => true,
            },
            Self::CancelBookings | Self::ManageEvents => match role {
                Role::Owner | Role::Manager => true,
                Role::Door => false,
            },
            Self::EditOrganizer | Self::ManageMembers => match role {
                Role::Owner => true,
                Role::Manager | Role::Door => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_may_do_everything_a_manager_manages_events_and_the_door_looks_and_checks_in() {
        use Action::{
            CancelBookings, CheckIn, EditOrganizer, ManageEvents, ManageMembers, SeeAttendees,
            SeeDrafts, SeeMembers,
        };
        for (action, manager, door) in [
            (SeeDrafts, true, true),
            (SeeMembers, true, true),
            (SeeAttendees, true, true),
            (CheckIn, true, true),
            (CancelBookings, true, false),
            (ManageEvents, true, false),
            (EditOrganizer, false, false),
            (ManageMembers, false, false),
        ] {
            let allowed = [Role::Owner, Role::Manager, Role::Door].map(|r| action.is_allowed_to(r));
            assert_eq!(allowed, [true, manager, door], "{action:?}");
        }
    }
}
