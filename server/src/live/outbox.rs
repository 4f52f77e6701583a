//! The counts that have not been sent to other servers yet.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
};

use parking_lot::Mutex;
use rowlock_entities::EventId;
use tokio::sync::Notify;

use super::TicketCount;

/// Holds the latest count of each event that changed here since the last message.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    counts: Mutex<HashMap<EventId, TicketCount>>,
    filled: Notify,
}

impl Outbox {
    pub(super) fn put(&self, counts: impl IntoIterator<Item = TicketCount>) {
        let mut waiting = self.counts.lock();
        for count in counts {
            match waiting.entry(count.event_id) {
                Entry::Vacant(entry) => {
                    entry.insert(count);
                }
                Entry::Occupied(mut entry) if entry.get().version < count.version => {
                    entry.insert(count);
                }
                Entry::Occupied(_) => {}
            }
        }
        let is_empty = waiting.is_empty();
        drop(waiting);
        if !is_empty {
            self.filled.notify_one();
        }
    }

    /// Takes all counts, and waits until there is at least one.
    pub(super) async fn take(&self) -> HashMap<EventId, TicketCount> {
        loop {
            let counts = mem::take(&mut *self.counts.lock());
            if !counts.is_empty() {
                return counts;
            }
            self.filled.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_outbox_holds_each_events_latest_count() {
        let outbox = Outbox::default();
        let count = |version| TicketCount {
            event_id: EventId(uuid::Uuid::nil()),
            remaining: 3,
            total: 10,
            version,
        };
        outbox.put([count(2), count(1)]);
        outbox.put([count(1)]);
        assert_eq!(outbox.take().await[&count(0).event_id].version, 2);
    }
}
