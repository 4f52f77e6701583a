//! The commands of a batch that share a transaction.

use std::{
    collections::{BTreeMap, HashSet},
    iter::zip,
};

use rowlock_entities::{BookingId, EventId, OrganizerId, UserId, event};

use super::{
    command::{InventoryError, Rejection},
    ledger::Ledger,
    needed_bookings::NeededBookings,
    pending::PendingCommand,
};

/// The way in which a transaction treats rows that another one has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LockWait {
    /// It waits for events and users.
    Wait,
    /// It skips both and leaves their commands for later, because a lock timed out.
    SkipLocked,
    /// It waits once more for an event that was skipped, or for the locks of a commit in doubt. It
    /// still skips users.
    WaitForEvent,
    /// It waits once more for the user of its only command.
    WaitForUser,
}

impl LockWait {
    pub(super) fn skips_events(self) -> bool {
        match self {
            Self::SkipLocked => true,
            Self::Wait | Self::WaitForEvent | Self::WaitForUser => false,
        }
    }

    pub(super) fn skips_users(self) -> bool {
        match self {
            Self::SkipLocked | Self::WaitForEvent => true,
            Self::Wait | Self::WaitForUser => false,
        }
    }
}

/// How far a command came in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Decided,
    /// Its event was skipped.
    EventSkipped,
    /// Its user was skipped, or does not exist.
    UserSkipped,
}

/// Commands that share a transaction, first come first served.
pub(super) struct SubBatch {
    pub(super) commands: Vec<PendingCommand>,
    pub(super) lock_wait: LockWait,
    /// Whether an earlier attempt may have committed these bookings, or failed because a user was
    /// deleted. The first attempt skips the reads that would find this out.
    pub(super) is_retry: bool,
}

impl SubBatch {
    pub(super) fn new(commands: Vec<PendingCommand>) -> Self {
        Self { commands, lock_wait: LockWait::Wait, is_retry: false }
    }

    /// Splits into halves. The earlier half comes last, because the last sub-batch runs first.
    pub(super) fn split(mut self) -> [Self; 2] {
        let later = self.commands.split_off(self.commands.len() / 2);
        [Self { commands: later, ..self }, self]
    }

    /// One sub-batch per event. The busiest comes last, so it runs first: its row is most likely to
    /// be locked only for a moment.
    fn by_event(commands: Vec<PendingCommand>) -> Vec<Self> {
        let mut events: BTreeMap<EventId, Vec<PendingCommand>> = BTreeMap::new();
        for command in commands {
            events.entry(command.scope().event_id()).or_default().push(command);
        }
        let mut events: Vec<Vec<PendingCommand>> = events.into_values().collect();
        events.sort_by_key(Vec::len);
        events
            .into_iter()
            .map(|commands| Self { commands, lock_wait: LockWait::WaitForEvent, is_retry: true })
            .collect()
    }

    /// The ids of the events, each once, in the order in which they are locked.
    pub(super) fn event_ids(&self) -> Vec<EventId> {
        event_ids(self.commands.iter())
    }

    /// Whether the users of this sub-batch are looked up: in a retry, those of all commands.
    pub(super) fn looks_up_users(&self) -> bool {
        self.is_retry || self.commands.iter().any(|command| command.scope().looks_up_user())
    }

    pub(super) fn user_ids(&self) -> HashSet<UserId> {
        self.commands.iter().filter_map(|command| command.scope().user_id()).collect()
    }

    pub(super) fn needed_bookings(&self) -> NeededBookings {
        needed_bookings(self.commands.iter(), self.is_retry)
    }

    /// The events whose covers the decisions depend on.
    pub(super) fn needed_covers(&self) -> Vec<EventId> {
        let mut ids = Vec::new();
        for command in &self.commands {
            command.scope().add_needed_covers(&mut ids);
        }
        ids
    }

    /// The organizers whose events the commands add or edit.
    pub(super) fn organizers(&self, events: &[event::Model]) -> HashSet<OrganizerId> {
        let mut ids = HashSet::new();
        for command in &self.commands {
            command.scope().add_organizers(events, &mut ids);
        }
        ids
    }

    /// The bookings whose check-ins the decisions depend on.
    pub(super) fn checked_bookings(&self) -> Vec<BookingId> {
        let mut ids = Vec::new();
        for command in &self.commands {
            command.scope().add_checked_bookings(&mut ids);
        }
        ids
    }

    /// Decides all commands, and returns how far each came.
    pub(super) fn decide_all(&mut self, ledger: &mut Ledger) -> Vec<Progress> {
        let lock_wait = self.lock_wait;
        self.commands
            .iter_mut()
            .map(|command| match command.decide(ledger) {
                // A row that was skipped looks like one that does not exist.
                Some(Rejection::NoSuchEvent) if lock_wait.skips_events() => Progress::EventSkipped,
                Some(Rejection::NoSuchUser) if lock_wait.skips_users() => Progress::UserSkipped,
                _ => Progress::Decided,
            })
            .collect()
    }

    /// Takes the undecided commands out: those of skipped users each by itself, so that nobody else
    /// waits for a user, and those of skipped events in one sub-batch per event, which run first.
    pub(super) fn take_undecided(&mut self, progress: Vec<Progress>) -> Vec<Self> {
        let commands = std::mem::take(&mut self.commands);
        let (mut of_events, mut of_users) = (Vec::new(), Vec::new());
        for (command, progress) in zip(commands, progress) {
            match progress {
                Progress::Decided => self.commands.push(command),
                Progress::EventSkipped => of_events.push(command),
                Progress::UserSkipped => of_users.push(command),
            }
        }
        let alone = |command| Self {
            commands: vec![command],
            lock_wait: LockWait::WaitForUser,
            is_retry: true,
        };
        of_users.into_iter().rev().map(alone).chain(Self::by_event(of_events)).collect()
    }

    /// Sends all callers their decisions.
    pub(super) fn answer(self) {
        self.commands.into_iter().for_each(|command| command.answer());
    }

    /// Tells all callers that there is no outcome.
    pub(super) fn fail(self, error: &InventoryError) {
        self.commands.into_iter().for_each(|command| command.fail(error.clone()));
    }
}

/// The ids of the commands' events, each once, in the order in which they are locked.
pub(super) fn event_ids<'a>(commands: impl Iterator<Item = &'a PendingCommand>) -> Vec<EventId> {
    let mut ids = Vec::new();
    for command in commands {
        command.scope().add_events(&mut ids);
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The bookings that the decisions on these commands depend on.
pub(super) fn needed_bookings<'a>(
    commands: impl Iterator<Item = &'a PendingCommand>,
    is_retry: bool,
) -> NeededBookings {
    let mut needed = NeededBookings::default();
    for command in commands {
        command.scope().add_needed_bookings(&mut needed, is_retry);
    }
    needed
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::{
        super::{book::Book, pending::pending},
        *,
    };

    fn book(event_id: EventId) -> PendingCommand {
        let (caller, _) = oneshot::channel();
        let command = Book {
            booking_id: BookingId::new(),
            user_id: UserId::new(),
            event_id,
            quantity: 1,
            expected_price: None,
            idempotency_key: None,
        };
        pending(command, caller)
    }

    fn events_of(sub_batches: &[SubBatch]) -> Vec<Vec<EventId>> {
        let events =
            |batch: &SubBatch| batch.commands.iter().map(|c| c.scope().event_id()).collect();
        sub_batches.iter().map(events).collect()
    }

    #[test]
    fn the_earlier_half_of_a_split_batch_runs_first() {
        let ids: Vec<EventId> = (0..5).map(|_| EventId::new()).collect();
        let mut halves = Vec::from(SubBatch::new(ids.iter().copied().map(book).collect()).split());
        assert_eq!(halves.pop().unwrap().commands[0].scope().event_id(), ids[0]);
        assert_eq!(events_of(&halves), [ids[2..].to_vec()]);
    }

    #[test]
    fn the_commands_of_skipped_events_wait_once_more_the_busiest_event_first() {
        let [free, quiet, busy] = [EventId::new(), EventId::new(), EventId::new()];
        let commands = [quiet, free, busy, busy].map(book);
        let mut batch = SubBatch::new(Vec::from(commands));
        let mut unfinished = batch.take_undecided(vec![
            Progress::EventSkipped,
            Progress::Decided,
            Progress::EventSkipped,
            Progress::EventSkipped,
        ]);
        assert_eq!(batch.event_ids(), [free]);
        let first = unfinished.pop().unwrap();
        assert_eq!((first.event_ids(), first.commands.len()), (vec![busy], 2));
        assert!(first.is_retry && first.lock_wait == LockWait::WaitForEvent);
        assert_eq!(events_of(&unfinished), [[quiet]]);
    }

    #[test]
    fn the_commands_of_skipped_users_wait_each_by_itself_and_after_all_others() {
        let events: Vec<EventId> = (0..4).map(|_| EventId::new()).collect();
        let mut batch = SubBatch::new(events.iter().copied().map(book).collect());
        let progress = [
            Progress::UserSkipped,
            Progress::Decided,
            Progress::UserSkipped,
            Progress::EventSkipped,
        ];
        let mut left = batch.take_undecided(Vec::from(progress));
        assert_eq!(left.pop().unwrap().event_ids(), [events[3]]);
        let first_user = left.pop().unwrap();
        assert_eq!(
            (first_user.event_ids(), first_user.lock_wait),
            (vec![events[0]], LockWait::WaitForUser)
        );
        assert_eq!(events_of(&left), [[events[2]]]);
    }
}
