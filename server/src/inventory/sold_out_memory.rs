//! Remembers which events had no ticket left when they were last seen.

use std::collections::HashSet;

use parking_lot::Mutex;
use rowlock_entities::{EventId, event};

/// Maximum number of remembered events. When it is reached, all are forgotten.
const MAX_EVENTS: usize = 10_000;

/// The memory decides nothing. It only tells whether it is worthwhile to read without a lock.
#[derive(Debug, Default)]
pub(super) struct SoldOutMemory(Mutex<HashSet<EventId>>);

impl SoldOutMemory {
    pub(super) fn contains(&self, event_id: EventId) -> bool {
        self.0.lock().contains(&event_id)
    }

    /// Remembers the events that are sold out, and forgets those that are not.
    pub(super) fn update<'a>(&self, events: impl IntoIterator<Item = &'a event::Model>) {
        let mut sold_out = self.0.lock();
        for event in events {
            if event.remaining_tickets > 0 {
                sold_out.remove(&event.id);
                continue;
            }
            if sold_out.len() >= MAX_EVENTS {
                sold_out.clear();
            }
            sold_out.insert(event.id);
        }
    }
}
