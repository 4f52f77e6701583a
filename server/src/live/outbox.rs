//! What has not been sent to other servers yet: counts, and events with changed check-ins.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
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
    /// The events whose check-ins have changed.
    check_ins: Mutex<HashSet<EventId>>,
    /// The events whose counts could not be sent. They are read again before they are sent: when the
    /// database is back, it may be older.
    unsent: Mutex<HashSet<EventId>>,
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

    pub(super) fn put_check_ins(&self, event: EventId) {
        self.check_ins.lock().insert(event);
        self.filled.notify_one();
    }

    /// Remembers that the counts of these events could not be sent.
    pub(super) fn keep_unsent(&self, events: impl IntoIterator<Item = EventId>) {
        self.unsent.lock().extend(events);
    }

    /// Gives up the counts that wait, because the database may be older than they are.
    pub(super) fn doubt_waiting(&self) {
        let waiting = mem::take(&mut *self.counts.lock());
        self.keep_unsent(waiting.into_keys());
    }

    /// Takes the events whose counts could not be sent.
    pub(super) fn take_unsent(&self) -> HashSet<EventId> {
        mem::take(&mut self.unsent.lock())
    }

    /// Takes everything, and waits until there is something.
    pub(super) async fn take(&self) -> Waiting {
        loop {
            let waiting = Waiting {
                counts: mem::take(&mut *self.counts.lock()),
                check_ins: mem::take(&mut *self.check_ins.lock()),
            };
            if !waiting.counts.is_empty() || !waiting.check_ins.is_empty() {
                return waiting;
            }
            self.filled.notified().await;
        }
    }
}

/// What is to be sent.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) counts: HashMap<EventId, TicketCount>,
    pub(super) check_ins: HashSet<EventId>,
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
            revision: 1,
            is_public: true,
        };
        outbox.put([count(2), count(1)]);
        outbox.put([count(1)]);
        assert_eq!(outbox.take().await.counts[&count(0).event_id].version, 2);
    }
}
