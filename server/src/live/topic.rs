//! One event's watchers, in groups.
//!
//! Thousands who watch the same event are not woken all at once, or everybody else would have to wait
//! until all of them were served: a crier goes from group to group, always with the latest count. In
//! between, the server has time for other things. Whoever watches in a small crowd is told at once.

use std::time::Duration;

use tokio::sync::watch;

use super::TicketCount;

/// Most watchers who are told at once.
const GROUP: usize = 256;
/// The crier's pause after a group: 10,000 watchers have a count after a third of a second.
pub(super) const PAUSE: Duration = Duration::from_millis(8);

#[derive(Debug, Default)]
pub(super) struct Topic {
    latest: Option<TicketCount>,
    groups: Vec<watch::Sender<Option<TicketCount>>>,
    /// The group that the crier comes to next; none when no crier is about.
    crier: Option<usize>,
}

impl Topic {
    pub(super) fn latest(&self) -> Option<TicketCount> {
        self.latest
    }

    /// Tells a count that is newer than what is known. True if a crier must be sent, who does it.
    #[must_use]
    pub(super) fn tell(&mut self, count: TicketCount) -> bool {
        if self.latest.is_some_and(|known| known.version >= count.version) {
            return false;
        }
        self.latest = Some(count);
        if let [group] = &*self.groups {
            group.send_replace(self.latest);
            return false;
        }
        let is_alone = self.crier.is_none();
        self.crier.get_or_insert(0);
        is_alone
    }

    /// The crier's next step; false when every group has the latest count, and the crier is done.
    pub(super) fn tell_next_group(&mut self) -> bool {
        // Nobody should wait for the telling of those who are gone.
        self.groups.retain(|group| group.receiver_count() > 0);
        let (count, next) = (self.groups.len(), self.crier.unwrap_or_default());
        let version = |count: Option<TicketCount>| count.map(|count| count.version);
        let behind = (next..next + count)
            .map(|at| at % count)
            .find(|at| version(*self.groups[*at].borrow()) < version(self.latest));
        if let Some(at) = behind {
            self.groups[at].send_replace(self.latest);
        }
        self.crier = behind.map(|at| at + 1);
        behind.is_some()
    }

    pub(super) fn subscribe(&mut self) -> watch::Receiver<Option<TicketCount>> {
        let free = self.groups.iter().find(|group| group.receiver_count() < GROUP);
        match free {
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
