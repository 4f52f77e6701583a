//! What the page has read.

use rowlock_web_operations::attendees::AttendedEvent;

use crate::organize::attendee_list::AttendeeList;

/// The event with the attendees that match, and the list that was asked for.
#[derive(Clone, PartialEq)]
pub(super) struct Found {
    pub(super) list: AttendeeList,
    pub(super) event: AttendedEvent,
}
