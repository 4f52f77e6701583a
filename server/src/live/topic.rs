//! The watchers of one event, in groups.
//!
//! If thousands of watchers of the same event were woken at once, everybody else would wait until
//! all of them were served. So a new count goes from group to group, with pauses in which the
//! server does other work, and each group gets the latest count. A single group is notified at
//! once.

use std::time::Duration;

use tokio::sync::watch;

use super::TicketCount;

/// Maximum number of watchers that are notified at once.
const GROUP_SIZE: usize = 256;
/// The pause between two groups. With it, 10,000 watchers have a count after a third of a second.
pub(super) const GROUP_PAUSE: Duration = Duration::from_millis(8);

/// An event's count, as watchers get it. They take one for newer by its rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RankedCount {
    pub(super) count: TicketCount,
    /// Grows whenever a count replaced one with a higher version, because the database had become
    /// older.
    generation: u64,
}

impl RankedCount {
    pub(super) fn rank(&self) -> (u64, i64) {
        (self.generation, self.count.version)
    }
}

#[derive(Debug, Default)]
pub(super) struct Topic {
    latest: Option<RankedCount>,
    /// When the latest count was recorded, in the hub's own time.
    recorded_at: u64,
    groups: Vec<watch::Sender<Option<RankedCount>>>,
    /// The group that is notified next; `None` while no task goes through the groups.
    next_group: Option<usize>,
}

impl Topic {
    pub(super) fn latest(&self) -> Option<RankedCount> {
        self.latest
    }

    /// Records a count if it is newer. Returns whether the caller must start a task that notifies
    /// the groups.
    #[must_use]
    pub(super) fn update(&mut self, count: TicketCount, now: u64) -> bool {
        if self.latest.is_some_and(|known| known.count.version >= count.version) {
            return false;
        }
        let generation = self.latest.map(|known| known.generation).unwrap_or_default();
        self.record(RankedCount { count, generation }, now)
    }

    /// Records a count that was read from a database that may have become older, even if its version
    /// is lower. Only a count that was recorded after the read began, at `began`, is left alone
    /// unless it is older. Returns whether the caller must start a task that notifies the groups.
    #[must_use]
    pub(super) fn replace(&mut self, count: TicketCount, now: u64, began: u64) -> bool {
        match self.latest {
            Some(known) if known.count == count => false,
            Some(known) if self.recorded_at <= began => {
                self.record(RankedCount { count, generation: known.generation + 1 }, now)
            }
            _ => self.update(count, now),
        }
    }

    fn record(&mut self, latest: RankedCount, now: u64) -> bool {
        (self.latest, self.recorded_at) = (Some(latest), now);
        if let [group] = &*self.groups {
            group.send_replace(self.latest);
            return false;
        }
        let is_first = self.next_group.is_none();
        self.next_group.get_or_insert(0);
        is_first
    }

    /// Notifies the next group that lacks the latest count. Returns `false` when all groups have
    /// it.
    pub(super) fn notify_next_group(&mut self) -> bool {
        // Groups whose watchers have all gone don't take a turn.
        self.groups.retain(|group| group.receiver_count() > 0);
        let (count, next) = (self.groups.len(), self.next_group.unwrap_or_default());
        let rank = |count: Option<RankedCount>| count.map(|count| count.rank());
        let behind = (next..next + count)
            .map(|index| index % count)
            .find(|index| rank(*self.groups[*index].borrow()) < rank(self.latest));
        if let Some(index) = behind {
            self.groups[index].send_replace(self.latest);
        }
        self.next_group = behind.map(|index| index + 1);
        behind.is_some()
    }

    pub(super) fn subscribe(&mut self) -> watch::Receiver<Option<RankedCount>> {
        let with_room = self.groups.iter().find(|group| group.receiver_count() < GROUP_SIZE);
        match with_room {
            Some(group) => group.subscribe(),
            None => {
                let (group, receiver) = watch::channel(self.latest);
                self.groups.push(group);
                receiver
            }
        }
    }

    pub(super) fn watchers(&self) -> usize {
        self.groups.iter().map(watch::Sender::receiver_count).sum()
    }

    pub(super) fn is_unwatched(&self) -> bool {
        self.groups.iter().all(|group| group.receiver_count() == 0)
    }
}
