//! What each role may do. The server decides; pages offer nothing that it would refuse.

use rowlock_web_operations::organizers::OrganizerRole;

pub(super) const ROLES: [(&str, OrganizerRole); 3] = [
    ("OWNER", OrganizerRole::Owner),
    ("MANAGER", OrganizerRole::Manager),
    ("DOOR", OrganizerRole::Door),
];

/// The value of a role in a form.
pub(super) fn role_value(role: OrganizerRole) -> &'static str {
    let known = ROLES.iter().find(|(_, known)| *known == role);
    known.map_or("", |(value, _)| value)
}

pub(super) fn role_of_value(value: &str) -> Option<OrganizerRole> {
    ROLES.iter().find(|(known, _)| *known == value).map(|(_, role)| *role)
}

pub(super) fn role_label(role: OrganizerRole) -> &'static str {
    match role {
        OrganizerRole::Owner => "Owner",
        OrganizerRole::Manager => "Manager",
        OrganizerRole::Door => "Door",
    }
}

/// What a role is for, in a sentence.
pub(super) fn role_description(role: OrganizerRole) -> &'static str {
    match role {
        OrganizerRole::Owner => "Owners do everything, and decide who the members are.",
        OrganizerRole::Manager => "Managers edit events and cancel bookings.",
        OrganizerRole::Door => {
            "People at the door check tickets in, and see events and who has booked them."
        }
    }
}

/// Whether members with this role create, change, publish and cancel events, and cancel bookings.
pub(super) fn can_edit_events(role: OrganizerRole) -> bool {
    matches!(role, OrganizerRole::Owner | OrganizerRole::Manager)
}

/// Whether members with this role change the organizer itself, and its members.
pub(super) fn can_edit_organizer(role: OrganizerRole) -> bool {
    role == OrganizerRole::Owner
}
