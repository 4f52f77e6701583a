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

#[derive(Debug, Default)]
pub(super) struct Topic {
    latest: Option<TicketCount>,
    groups: Vec<watch::Sender<Option<TicketCount>>>,
    /// The group that is notified next; `None` while no task goes through the groups.
    next_group: Option<usize>,
}

impl Topic {
    pub(super) fn latest(&self) -> Option<TicketCount> {
        self.latest
    }

    /// Records a count if it is newer. Returns whether the caller must start a task that notifies
    /// the groups.
    #[must_use]
    pub(super) fn update(&mut self, count: TicketCount) -> bool {
        if self.latest.is_some_and(|known| known.version >= count.version) {
            return false;
        }
        self.latest = Some(count);
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
        let version = |count: Option<TicketCount>| count.map(|count| count.version);
        let behind = (next..next + count)
            .map(|index| index % count)
            .find(|index| version(*self.groups[*index].borrow()) < version(self.latest));
        if let Some(index) = behind {
            self.groups[index].send_replace(self.latest);
        }
        self.next_group = behind.map(|index| index + 1);
        behind.is_some()
    }

    pub(super) fn subscribe(&mut self) -> watch::Receiver<Option<TicketCount>> {
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
