//! Carries out batches of commands, each in one row-locked transaction.
//!
//! A transaction locks the events, reads the rows that the decisions depend on, lets the commands
//! decide on the [`Ledger`], writes, and commits. Counts are published after the commit, never
//! before. If a transaction lost against another one, or if its connection broke during COMMIT, it
//! runs again from the start. Booking ids are chosen in advance, so the next attempt finds the
//! bookings that an earlier one committed. Bookings of unavailable events are refused without a
//! transaction.

use std::{
    collections::{HashMap, HashSet},
    iter::{self, zip},
    sync::Arc,
    time::Duration,
};

use rowlock_entities::{EventId, JobId, booking, event};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use tokio::time::{Instant, sleep};

use super::{
    cancel_event::CancelBookingsJob,
    command::InventoryError,
    cover_store,
    ledger::{Changes, Ledger},
    locks,
    mails::{BookingMailJob, EventMailJob, GuestMailJob, News},
    pending::PendingCommand,
    retry_policy::{Backoff, FailedAttempt, NextStep},
    settings::BookingArgs,
    store,
    sub_batch::{LockWait, Progress, SubBatch, event_ids, needed_bookings},
    unavailable_events::UnavailableEvents,
};
use crate::{
    clock::Clock,
    coalescing::{Latecomers, Runner},
    database::{Database, Fault, find_by_ids},
    jobs::{self, NewJob, Queue},
    live::{Hub, TicketCount},
};

/// Longest time for a batch: all its sub-batches and attempts together.
const BATCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time for the read of unavailable events before that.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest time for which the server tries to read counts in doubt.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(15 * 60);
const PUBLISH_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Runs one lane's batches.
#[derive(Debug)]
pub(super) struct Settler {
    db: Database,
    clock: Clock,
    hub: Hub,
    jobs: Queue,
    /// The extra time for which each transaction holds its locks, to make races visible.
    lock_delay: Duration,
    /// Whether people get no mails about their bookings.
    tells_nobody: bool,
    unavailable: UnavailableEvents,
}

impl Runner for Settler {
    type Call = PendingCommand;

    async fn run(
        &self,
        commands: Vec<PendingCommand>,
        latecomers: &Latecomers<'_, PendingCommand>,
    ) {
        let commands = self.refuse_unavailable(commands).await;
        let deadline = Instant::now() + BATCH_TIMEOUT;
        let mut sub_batches = vec![SubBatch::new(commands)];
        while let Some(sub_batch) = sub_batches.pop() {
            if Instant::now() >= deadline {
                // Locked events took all the time, and this sub-batch was never started.
                sub_batch.fail(&InventoryError::Crowded);
                continue;
            }
            sub_batches.extend(self.run_sub_batch(sub_batch, latecomers, deadline).await);
        }
    }
}

impl Settler {
    pub(super) fn new(
        db: Database,
        clock: Clock,
        hub: Hub,
        jobs: Queue,
        settings: &BookingArgs,
    ) -> Self {
        let (lock_delay, tells_nobody) = (settings.lock_delay(), settings.tells_nobody);
        let unavailable = UnavailableEvents::default();
        Self { db, clock, hub, jobs, lock_delay, tells_nobody, unavailable }
    }

    /// Refuses bookings of unavailable events without a lock. It reads the events that were sold out
    /// or not on sale when last seen. The read starts now, after all these commands have arrived.
    /// Returns the commands that need the lock.
    async fn refuse_unavailable(&self, commands: Vec<PendingCommand>) -> Vec<PendingCommand> {
        let is_candidate = |command: &PendingCommand| {
            command.scope().only_takes_tickets()
                && self.unavailable.contains(command.scope().event_id())
        };
        let is_candidate: Vec<bool> = commands.iter().map(is_candidate).collect();
        let candidates: Vec<&PendingCommand> = zip(&commands, &is_candidate)
            .filter(|(_, is)| **is)
            .map(|(command, _)| command)
            .collect();
        if candidates.is_empty() {
            return commands;
        }
        let deadline = Instant::now() + LOOK_TIMEOUT;
        let read = self.db.with_deadline(deadline, self.read_without_lock(&candidates)).await;
        let mut ledger = match read {
            Ok(ledger) => ledger,
            Err(error) => {
                // The transaction will meet the same error, and the retry policy handles it there.
                tracing::debug!(%error, "unavailable events could not be read");
                return commands;
            }
        };
        self.unavailable.update(ledger.events(), self.clock.now());
        let mut others = Vec::new();
        for (mut command, is_candidate) in zip(commands, is_candidate) {
            if is_candidate {
                command.decide(&mut ledger);
                // If tickets became free, the first command that would get some needs the lock, and
                // so do all behind it.
                if command.only_refuses() && !ledger.has_changed(command.scope().event_id()) {
                    command.answer();
                    continue;
                }
            }
            others.push(command);
        }
        others
    }

    async fn read_without_lock(&self, commands: &[&PendingCommand]) -> Result<Ledger, DbErr> {
        let db = self.db.writer()?;
        // Read counts first, so that the buyer of the last ticket is found among the bookings.
        let events = find_events(db, event_ids(commands.iter().copied())).await?;
        let needed = needed_bookings(commands.iter().copied(), false);
        let bookings = store::find_bookings(db, needed).await?;
        Ok(Ledger::new(self.clock.now(), None, events, bookings))
    }

    /// Runs a sub-batch, repeats it where that can help, and publishes its counts. Answers all
    /// callers, except those in the sub-batches that it returns.
    async fn run_sub_batch(
        &self,
        mut sub_batch: SubBatch,
        latecomers: &Latecomers<'_, PendingCommand>,
        deadline: Instant,
    ) -> Vec<SubBatch> {
        let mut unfinished = Vec::new();
        let mut backoff = Backoff::new();
        let mut constraint_violations = 0;
        // A commit that is in doubt may have changed the counts of these events. It has none if it
        // only adds events.
        let mut in_doubt: Option<Vec<EventId>> = None;
        while !sub_batch.commands.is_empty() {
            let error = match self.attempt(&mut sub_batch, latecomers, deadline).await {
                Ok(decided) => {
                    self.publish(&decided, in_doubt.is_some());
                    unfinished.extend(sub_batch.take_undecided(decided.progress));
                    sub_batch.answer();
                    return unfinished;
                }
                Err(AttemptError::BeforeCommit(error)) => error,
                Err(AttemptError::AtCommit(error, decided)) => {
                    if Fault::of(&error).leaves_commit_in_doubt() {
                        in_doubt = Some(decided.event_ids());
                        unfinished.extend(sub_batch.take_undecided(decided.progress));
                        // The next attempt waits for the locks that the broken transaction may
                        // still hold.
                        sub_batch.lock_wait = LockWait::WaitForEvent;
                    }
                    error
                }
            };
            let fault = Fault::of(&error);
            match fault {
                Fault::Unreachable => self.db.connection_broke(),
                Fault::ReadOnly => self.db.write_was_refused(),
                Fault::SchemaChanged => self.db.schema_changed(),
                Fault::ConstraintViolation => constraint_violations += 1,
                Fault::Overloaded
                | Fault::LockTimeout
                | Fault::SerializationFailure
                | Fault::Other => {}
            }
            let failed = FailedAttempt {
                fault,
                lock_wait: sub_batch.lock_wait,
                is_retry: sub_batch.is_retry,
                constraint_violations,
                is_in_doubt: in_doubt.is_some(),
                can_be_split: sub_batch.commands.len() > 1,
                is_out_of_time: Instant::now() + backoff.peek() > deadline,
            };
            sub_batch.is_retry = true;
            match failed.next_step() {
                NextStep::Retry => {}
                NextStep::RetrySkippingLocked => sub_batch.lock_wait = LockWait::SkipLocked,
                NextStep::Split => {
                    if fault == Fault::LockTimeout {
                        // Time is short, and what is free can still be decided.
                        sub_batch.lock_wait = LockWait::SkipLocked;
                    }
                    unfinished.extend(sub_batch.split());
                    return unfinished;
                }
                NextStep::Fail => {
                    sub_batch.fail(&error.into());
                    return unfinished;
                }
                NextStep::ReportInDoubt => {
                    let (db, hub) = (self.db.clone(), self.hub.clone());
                    let events = in_doubt.unwrap_or_default();
                    tokio::spawn(publish_when_readable(db, hub, events));
                    sub_batch.fail(&InventoryError::InDoubt);
                    return unfinished;
                }
            }
            tracing::debug!(%error, ?in_doubt, "a batch of bookings is repeated");
            sleep(backoff.next_pause()).await;
        }
        unfinished
    }

    /// Runs one transaction.
    async fn attempt(
        &self,
        sub_batch: &mut SubBatch,
        latecomers: &Latecomers<'_, PendingCommand>,
        deadline: Instant,
    ) -> Result<Decided, AttemptError> {
        let preparing = self.prepare(sub_batch, latecomers, deadline);
        let (tx, decided) = self.db.with_deadline(deadline, preparing).await?;
        match self.db.commit(tx, deadline).await {
            Ok(()) => {
                self.unavailable.update(decided.changed.iter().map(Arc::as_ref), self.clock.now());
                Ok(decided)
            }
            Err(error) => Err(AttemptError::AtCommit(error, decided)),
        }
    }

    /// Runs a transaction up to its commit.
    async fn prepare(
        &self,
        sub_batch: &mut SubBatch,
        latecomers: &Latecomers<'_, PendingCommand>,
        deadline: Instant,
    ) -> Result<(DatabaseTransaction, Decided), DbErr> {
        let tx = self.db.begin().await?;
        let lock_wait = sub_batch.lock_wait;
        let events =
            locks::lock_events(&tx, sub_batch.event_ids(), lock_wait.skips_events()).await?;
        // From here on nobody else changes these events' counts or bookings. On PostgreSQL, each
        // further statement sees everything that was committed before the lock was granted.
        let has_time = deadline.saturating_duration_since(Instant::now()) >= BATCH_TIMEOUT / 2;
        if !sub_batch.is_retry && has_time {
            // Other servers may have held the lock for many batches. Requests that arrived meanwhile
            // join. Otherwise, batches would shrink as servers are added.
            let locked: HashSet<EventId> = events.iter().map(|event| event.id).collect();
            let fits = |command: &PendingCommand| {
                event_ids(iter::once(command)).iter().all(|id| locked.contains(id))
            };
            latecomers.join(&mut sub_batch.commands, fits);
        }
        if !self.lock_delay.is_zero() {
            sleep(self.lock_delay).await;
        }
        let bookings = store::find_bookings(&tx, sub_batch.needed_bookings()).await?;
        // Whoever deletes an account locks organizers before the user, too.
        let deserted = match sub_batch.organizers(&events) {
            ids if ids.is_empty() => ids,
            ids => locks::find_deserted(&tx, ids).await?,
        };
        let users = match sub_batch.looks_up_users() {
            false => None,
            true => {
                let (ids, skips_locked) = (sub_batch.user_ids(), lock_wait.skips_users());
                Some(locks::find_existing_users(&tx, ids, skips_locked).await?)
            }
        };
        let covers = match sub_batch.needed_covers() {
            ids if ids.is_empty() => Vec::new(),
            ids => cover_store::find_covers(&tx, ids).await?,
        };
        let used_tickets = match sub_batch.checked_bookings() {
            ids if ids.is_empty() => HashMap::new(),
            ids => locks::find_used_tickets(&tx, ids).await?,
        };
        let mut ledger = Ledger::new(self.clock.now(), users, events, bookings)
            .with_covers(covers)
            .with_deserted(deserted)
            .with_used_tickets(used_tickets);
        let counts_before: Vec<TicketCount> = ledger.events().map(TicketCount::of).collect();
        let progress = sub_batch.decide_all(&mut ledger);
        // Unchanged counts are certain now, and changed ones only after the commit.
        let unchanged = ledger.events().filter(|event| !ledger.has_changed(event.id));
        self.unavailable.update(unchanged, ledger.now());
        let changes = ledger.into_changes();
        // Mails can wait for the workers' next look. A look after each batch would cost bookings more.
        let has_jobs = !changes.cancelled_events.is_empty();
        let changed = match changes.is_empty() {
            true => Vec::new(),
            false => write(&tx, changes, self.tells_nobody).await?,
        };
        Ok((tx, Decided { progress, changed, counts_before, has_jobs }))
    }

    fn publish(&self, decided: &Decided, was_in_doubt: bool) {
        if decided.has_jobs {
            self.jobs.wake_workers();
        }
        self.hub.publish(decided.changed.iter().map(|event| TicketCount::of(event)));
        if was_in_doubt {
            // The changes of the commit in doubt are not among those of this attempt.
            self.hub.publish(decided.counts_before.iter().copied());
        }
    }
}

/// Writes what the decisions changed. Returns the events whose counts or versions changed.
async fn write(
    tx: &impl ConnectionTrait,
    changes: Changes,
    tells_nobody: bool,
) -> Result<Vec<Arc<event::Model>>, DbErr> {
    let mut jobs = if tells_nobody { Vec::new() } else { mail_jobs(&changes)? };
    store::begin_keeping_counts(tx).await?;
    // Edit first: a lower count may not fit the total that the event had, nor the other way round.
    store::update_events(tx, &changes.edited_events).await?;
    store::forget_search_keys(tx, changes.retitled_events).await?;
    cover_store::replace_covers(tx, changes.covers).await?;
    store::insert_events(tx, changes.added_events).await?;
    // Cancel before inserting: a user who cancels and books again must not have two confirmed
    // bookings.
    store::cancel_bookings(tx, &changes.cancelled).await?;
    store::insert_bookings(tx, changes.added).await?;
    // Change after inserting: what is inserted lacks the number of tickets that was booked at first.
    store::change_quantities(tx, &changes.changed).await?;
    let edited: HashSet<EventId> = changes.edited_events.iter().map(|event| event.id).collect();
    let only_counts: Vec<&event::Model> = changes
        .events
        .iter()
        .filter(|event| !edited.contains(&event.id))
        .map(Arc::as_ref)
        .collect();
    store::update_counts(tx, &only_counts).await?;
    store::end_keeping_counts(tx).await?;
    store::insert_reminders(tx, changes.reminded).await?;
    // An event has one such job at most, however often it is cancelled.
    for event_id in changes.cancelled_events {
        jobs.push(NewJob::with_id(JobId(event_id.0), &CancelBookingsJob::new(event_id))?);
    }
    jobs::enqueue(tx, jobs).await?;
    Ok(changes.events)
}

/// The jobs that tell people what these changes are to them.
fn mail_jobs(changes: &Changes) -> Result<Vec<NewJob>, DbErr> {
    let is_cancelled = |booking: &&booking::Model| booking.status == booking::Status::Cancelled;
    let id = |booking: &booking::Model| booking.id;
    let is_added =
        |booking: &booking::Model| changes.added.iter().any(|added| added.id == booking.id);
    let changed = changes.changed.iter().filter(|booking| !is_added(booking));
    let cancelled = changes.cancelled.iter().chain(changes.added.iter().filter(is_cancelled));
    let (by_organizer, by_buyer): (Vec<_>, Vec<_>) = cancelled
        .partition(|booking| booking.cancelled_by == Some(booking::CancelledBy::Organizer));
    let own = |job: BookingMailJob| job;
    let mut jobs = BookingMailJob::about(&News::Booked, changes.added.iter().map(id), own)?;
    jobs.extend(BookingMailJob::about(&News::Changed, changed.map(id), own)?);
    jobs.extend(BookingMailJob::about(&News::Cancelled, by_buyer.into_iter().map(id), own)?);
    let by_organizer = by_organizer.into_iter().map(id);
    jobs.extend(BookingMailJob::about(&News::Cancelled, by_organizer, GuestMailJob)?);
    for (event_id, before) in &changes.announced {
        jobs.push(EventMailJob::about_edit(*event_id, before)?);
    }
    Ok(jobs)
}

/// Publishes the counts of events in doubt as soon as they can be read, so that no open page is
/// left with an old count.
async fn publish_when_readable(db: Database, hub: Hub, events: Vec<EventId>) {
    let started = Instant::now();
    while started.elapsed() < PUBLISH_TIMEOUT {
        if let Ok(events) = find_events(db.reads(), events.clone()).await {
            return hub.publish(events.iter().map(TicketCount::of));
        }
        sleep(PUBLISH_RETRY_INTERVAL).await;
    }
}

/// Reads events without a lock.
async fn find_events(
    db: &impl ConnectionTrait,
    ids: Vec<EventId>,
) -> Result<Vec<event::Model>, DbErr> {
    find_by_ids::<event::Entity>(db, event::Column::Id, ids.into_iter().map(|id| id.0)).await
}

/// The decisions of a transaction.
struct Decided {
    /// How far each command of the sub-batch came.
    progress: Vec<Progress>,
    /// The events whose counts it changed.
    changed: Vec<Arc<event::Model>>,
    /// The counts of all its events before its changes.
    counts_before: Vec<TicketCount>,
    /// Whether it wrote jobs.
    has_jobs: bool,
}

impl Decided {
    fn event_ids(&self) -> Vec<EventId> {
        self.counts_before.iter().map(|count| count.event_id).collect()
    }
}

/// The point at which an attempt failed.
enum AttemptError {
    /// Nothing was stored.
    BeforeCommit(DbErr),
    /// If the connection broke, the transaction may have been committed.
    AtCommit(DbErr, Decided),
}

impl From<DbErr> for AttemptError {
    fn from(error: DbErr) -> Self {
        Self::BeforeCommit(error)
    }
}
