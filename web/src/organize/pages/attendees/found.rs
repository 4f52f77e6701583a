//! What the page has read.

use rowlock_web_operations::attendees::AttendedEvent;

use crate::organize::attendee_list::AttendeeList;

/// How many attendees are loaded at a time. With a search, the server's limit of complexity allows
/// less than its largest page.
pub(super) const PAGE_SIZE: i32 = 20;

/// The event with the attendees that match, and the list that was asked for.
#[derive(Clone, PartialEq)]
pub(super) struct Found {
    pub(super) list: AttendeeList,
    pub(super) event: AttendedEvent,
}
