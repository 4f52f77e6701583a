//! An event's count at one moment.

use rowlock_entities::{EventId, event};

/// An event's tickets at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketCount {
    pub event_id: EventId,
    pub remaining: i32,
    pub total: i32,
    /// Grows with every change of the event's count, and with every edit. A count with a lower
    /// version is older.
    pub version: i64,
    /// The event's revision, which grows with every edit.
    pub revision: i32,
    /// Whether the event has ever been published. If not, only members of its organizer may know of
    /// it.
    pub is_public: bool,
}

impl TicketCount {
    #[must_use]
    pub fn of(event: &event::Model) -> Self {
        Self {
            event_id: event.id,
            remaining: event.remaining_tickets,
            total: event.total_tickets,
            version: event.count_version,
            revision: event.revision,
            is_public: event.is_public,
        }
    }
}
