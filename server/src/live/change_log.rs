//! The last changes of all events, for those who watch all of them.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use rowlock_entities::EventId;

use super::TicketCount;

/// The latest change of each event, in the order in which the changes arrived. A watcher of all
/// events needs no queue of its own, only the number of the last change that it saw.
#[derive(Debug, Default)]
pub(super) struct ChangeLog {
    last: u64,
    changes: BTreeMap<u64, TicketCount>,
    number_of: HashMap<EventId, u64>,
}

impl ChangeLog {
    /// Records the count as its event's last change, unless one of this or a newer version
    /// is known.
    pub(super) fn record(&mut self, count: TicketCount) {
        match self.number_of.entry(count.event_id) {
            Entry::Occupied(mut entry) => {
                let number = *entry.get();
                if self.changes.get(&number).is_some_and(|known| known.version >= count.version) {
                    return;
                }
                self.changes.remove(&number);
                self.last += 1;
                entry.insert(self.last);
            }
            Entry::Vacant(entry) => {
                self.last += 1;
                entry.insert(self.last);
            }
        }
        self.changes.insert(self.last, count);
    }

    /// Forgets an event's change if it was recorded before the read that began at `began` and is not
    /// what that has read.
    pub(super) fn forget_older(&mut self, read: &TicketCount, began: u64) {
        if let Entry::Occupied(entry) = self.number_of.entry(read.event_id)
            && *entry.get() <= began
            && self.changes.get(entry.get()).is_some_and(|known| known != read)
        {
            self.changes.remove(&entry.remove());
        }
    }

    /// The event's last change.
    pub(super) fn change_of(&self, event: EventId) -> Option<&TicketCount> {
        self.changes.get(self.number_of.get(&event)?)
    }

    /// The events that have changed.
    pub(super) fn events(&self) -> impl Iterator<Item = &EventId> {
        self.number_of.keys()
    }

    /// The number of the last change.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// The changes after the one with this number, the oldest first, each with its own number.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = (u64, TicketCount)> {
        self.changes.range(number + 1..).map(|(number, count)| (*number, *count))
    }

    pub(super) fn clear(&mut self) {
        self.changes.clear();
        self.number_of.clear();
    }
}
