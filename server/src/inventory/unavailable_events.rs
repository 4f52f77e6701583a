//! Remembers which events could not be booked when they were last seen.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use rowlock_entities::{EventId, event};

use crate::events::closed_reason;

/// Maximum number of remembered events. When it is reached, all are forgotten.
const MAX_EVENTS: usize = 10_000;

/// The memory decides nothing. It only tells whether it is worthwhile to read without a lock.
#[derive(Debug, Default)]
pub(super) struct UnavailableEvents(Mutex<HashSet<EventId>>);

impl UnavailableEvents {
    pub(super) fn contains(&self, event_id: EventId) -> bool {
        self.0.lock().contains(&event_id)
    }

    /// Remembers the events that are sold out or not on sale, and forgets the others.
    pub(super) fn update<'a>(
        &self,
        events: impl IntoIterator<Item = &'a event::Model>,
        now: DateTime<Utc>,
    ) {
        let mut unavailable = self.0.lock();
        for event in events {
            if event.remaining_tickets > 0 && closed_reason(event, now).is_none() {
                unavailable.remove(&event.id);
                continue;
            }
            if unavailable.len() >= MAX_EVENTS {
                unavailable.clear();
            }
            unavailable.insert(event.id);
        }
    }
}
