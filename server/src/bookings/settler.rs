//! Settles batches of bookings and cancellations, each in one row-locked transaction.
//!
//! The transaction locks the events, reads what the decisions depend on, lets the [`Ledger`] decide,
//! writes, and commits. Counts are published after the commit, never inside. A batch that lost
//! against another transaction, or whose commit was cut off, runs again from the start: booking ids
//! are made before, so a second run finds what the first one left. What is sold out is refused without
//! a transaction.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rowlock_entities::{EventId, UserId, event};
use sea_orm::{ConnAcquireErr, DatabaseTransaction, DbErr};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    ledger::{Changes, Ledger, Outcome, Request},
    service::BookingsError,
    store,
};
use crate::{
    accounts,
    batching::Runner,
    clock::Clock,
    database::{Database, Fault},
    events::{self, store::Held},
    live::{Hub, TicketCount},
};

/// How long a batch may take, all its attempts together.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);
/// First wait before a batch runs again; doubles each time, with jitter.
const FIRST_RETRY: Duration = Duration::from_millis(5);
const LONGEST_RETRY: Duration = Duration::from_millis(500);
/// How often a batch meets a conflict before it is split.
const MOST_CONFLICTS: u32 = 3;
/// Events remembered as sold out; beyond it, all are forgotten.
const MOST_SOLD_OUT: usize = 10_000;

/// Runs one lane's batches.
#[derive(Debug)]
pub(crate) struct Settler {
    db: Database,
    clock: Clock,
    hub: Hub,
    /// How long each transaction holds its locks for nothing, to make races visible.
    delay: Duration,
    /// The events that had no ticket left when they were last seen. Nothing is decided by it but
    /// whether a look without a lock is worth while.
    sold_out: Mutex<HashSet<EventId>>,
}

type Answer = Result<Outcome, BookingsError>;

impl Runner for Settler {
    type Call = Request;
    type Answer = Answer;

    async fn run(&self, requests: Vec<Request>) -> Vec<Answer> {
        let mut answers = self.refuse_what_is_sold_out(&requests).await;
        let open = (0..requests.len()).filter(|at| answers[*at].is_none()).collect();
        let mut parts: Vec<Vec<usize>> = vec![open];
        while let Some(mut part) = parts.pop() {
            let batch: Vec<&Request> = part.iter().map(|at| &requests[*at]).collect();
            match self.settle(&batch).await {
                Ok(settled) => {
                    for (at, answer) in part.into_iter().zip(settled) {
                        answers[at] = Some(answer);
                    }
                }
                // One of them may be to blame, and must not fail the others. First come first served.
                Err(error) if part.len() > 1 && may_be_of_one(&error) => {
                    let later = part.split_off(part.len() / 2);
                    parts.push(later);
                    parts.push(part);
                }
                Err(error) => {
                    for at in part {
                        answers[at] = Some(Err(error.clone()));
                    }
                }
            }
        }
        let missing = || Err(BookingsError::Internal("a request got no outcome".to_owned()));
        answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
    }
}

fn may_be_of_one(error: &BookingsError) -> bool {
    match error {
        BookingsError::Database(error) => {
            matches!(Fault::of(error), Fault::Conflict | Fault::Other)
        }
        _ => false,
    }
}

impl Settler {
    pub(crate) fn new(db: Database, clock: Clock, hub: Hub, delay: Duration) -> Self {
        Self { db, clock, hub, delay, sold_out: Mutex::default() }
    }

    /// Answers the bookings of events that were sold out when last seen, as far as that needs no
    /// change: from a read that begins now, after each of them came, and takes no lock.
    async fn refuse_what_is_sold_out(&self, requests: &[Request]) -> Vec<Option<Answer>> {
        let mut answers: Vec<Option<Answer>> = requests.iter().map(|_| None).collect();
        let is_candidate: Vec<bool> = {
            let sold_out = self.sold_out();
            let is_candidate = |request: &Request| match request {
                Request::Book(request) => sold_out.contains(&request.event_id),
                Request::Cancel(_) => false,
            };
            requests.iter().map(is_candidate).collect()
        };
        let candidates: Vec<&Request> = std::iter::zip(requests, &is_candidate)
            .filter_map(|(request, is)| is.then_some(request))
            .collect();
        if candidates.is_empty() {
            return answers;
        }
        let mut ledger = match self.read_without_lock(&candidates).await {
            Ok(ledger) => ledger,
            Err(error) => {
                // The transaction will meet the same, and knows what to do about it.
                tracing::debug!(%error, "a look at sold-out events failed");
                return answers;
            }
        };
        self.remember_sold_out(ledger.events());
        for (at, request) in requests.iter().enumerate().filter(|(at, _)| is_candidate[*at]) {
            let outcome = ledger.decide(request);
            // Tickets came back: from the first who would get some, all wait for the lock.
            if !ledger.has_changed(request.event_id()) {
                answers[at] = Some(Ok(outcome));
            }
        }
        answers
    }

    async fn read_without_lock(&self, batch: &[&Request]) -> Result<Ledger, DbErr> {
        let db = self.db.primary()?;
        // In this order: whoever took the last ticket is among the bookings.
        let events = events::store::find_events(db, event_ids(batch)).await?;
        let bookings = store::find_bookings_that_matter(db, batch, false).await?;
        Ok(Ledger::new(self.clock.now(), None, events, bookings))
    }

    /// Decides a batch in one transaction, again where that can help, and publishes its counts.
    async fn settle(&self, batch: &[&Request]) -> Result<Vec<Answer>, BookingsError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + SETTLE_WITHIN;
        let mut pause = FIRST_RETRY;
        let mut manner = Manner { again: false, held: Held::Await };
        let mut conflicts = 0;
        // The events of an attempt whose commit was cut off. It may have changed their counts.
        let mut in_doubt = Vec::new();
        loop {
            let error = match self.attempt(batch, manner, deadline).await {
                Ok(Settled { answers, changed, locked }) => {
                    self.hub.publish(changed.iter().map(|event| TicketCount::of(event)));
                    if !in_doubt.is_empty() {
                        // What the attempt in doubt changed is not among this one's changes.
                        self.hub.publish(locked);
                    }
                    return Ok(answers);
                }
                Err(Failed::AtCommit(error, events)) if Fault::of(&error) == Fault::Away => {
                    in_doubt = events;
                    error
                }
                Err(Failed::AtCommit(error, _) | Failed::BeforeCommit(error)) => error,
            };
            let fault = Fault::of(&error);
            if fault == Fault::Away {
                self.db.a_connection_broke();
            }
            let again = match fault {
                // What it conflicted with is committed, so the next attempt sees it.
                Fault::Conflict => {
                    conflicts += 1;
                    conflicts < MOST_CONFLICTS
                }
                Fault::Lost => true,
                // Those who want other events need not wait any longer.
                Fault::Held => std::mem::replace(&mut manner.held, Held::Skip) == Held::Await,
                // A connection can have died since it was last used. Apart from that, nothing
                // happened before a commit, and the caller can try again better than we can.
                Fault::Away => !manner.again || !in_doubt.is_empty(),
                Fault::Busy => !in_doubt.is_empty(),
                Fault::Other => false,
            };
            manner.again = true;
            if !again || Instant::now() + pause > deadline {
                if in_doubt.is_empty() {
                    return Err(error.into());
                }
                tokio::spawn(publish_when_back(self.db.clone(), self.hub.clone(), in_doubt));
                return Err(BookingsError::InDoubt);
            }
            tracing::debug!(%error, ?in_doubt, "a batch of bookings runs again");
            sleep(pause.mul_f64(0.5 + rand::random::<f64>())).await;
            pause = (pause * 2).min(LONGEST_RETRY);
        }
    }

    /// One transaction.
    async fn attempt(
        &self,
        batch: &[&Request],
        manner: Manner,
        deadline: Instant,
    ) -> Result<Settled, Failed> {
        let overdue = |_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout);
        let prepared = timeout_at(deadline, self.prepare(batch, manner)).await;
        let Prepared { tx, settled } = prepared.map_err(overdue)??;
        let committed = timeout_at(deadline, tx.commit()).await;
        match committed {
            Ok(Ok(())) => {
                self.remember_sold_out(settled.changed.iter().map(Arc::as_ref));
                Ok(settled)
            }
            Ok(Err(error)) => Err(Failed::AtCommit(error, settled.event_ids())),
            Err(_) => {
                let cut_off = DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed);
                Err(Failed::AtCommit(cut_off, settled.event_ids()))
            }
        }
    }

    /// All of a transaction but its commit.
    async fn prepare(&self, batch: &[&Request], manner: Manner) -> Result<Prepared, DbErr> {
        let tx = self.db.begin().await?;
        let ids = event_ids(batch);
        let wanted = ids.len();
        let events = events::store::lock_events(&tx, ids, manner.held).await?;
        // An event that does not exist can't be told from one that is held; no harm is done.
        let some_are_held = manner.held == Held::Skip && events.len() < wanted;
        // From here on, nobody else changes these events' counts or bookings. On PostgreSQL the
        // next statements see all that was committed before the lock was had.
        if !self.delay.is_zero() {
            sleep(self.delay).await;
        }
        let bookings = store::find_bookings_that_matter(&tx, batch, manner.again).await?;
        let users = match manner.again {
            false => None,
            true => Some(find_users(&tx, batch).await?),
        };
        let mut ledger = Ledger::new(self.clock.now(), users, events, bookings);
        let locked: Vec<TicketCount> = ledger.events().map(TicketCount::of).collect();
        let answers = batch
            .iter()
            .map(|request| match ledger.decide(request) {
                Outcome::NoSuchEvent if some_are_held => Err(BookingsError::Crowded),
                outcome => Ok(outcome),
            })
            .collect();
        // What asked and got nothing tells as much as what changed.
        self.remember_sold_out(ledger.events().filter(|event| !ledger.has_changed(event.id)));
        let Changes { inserted, cancelled, events: changed } = ledger.into_changes();

        // Cancellations first: a user who cancels and books again has one confirmed booking.
        store::cancel(&tx, &cancelled).await?;
        store::insert(&tx, inserted).await?;
        events::store::update_counts(&tx, &changed).await?;
        Ok(Prepared { tx, settled: Settled { answers, changed, locked } })
    }

    fn remember_sold_out<'a>(&self, events: impl IntoIterator<Item = &'a event::Model>) {
        let mut sold_out = self.sold_out();
        for event in events {
            if event.remaining_tickets > 0 {
                sold_out.remove(&event.id);
                continue;
            }
            if sold_out.len() >= MOST_SOLD_OUT {
                sold_out.clear();
            }
            sold_out.insert(event.id);
        }
    }

    fn sold_out(&self) -> MutexGuard<'_, HashSet<EventId>> {
        self.sold_out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes the counts of events whose change is in doubt as soon as they can be read, so that
/// nobody who watches is left with an old one.
async fn publish_when_back(db: Database, hub: Hub, events: Vec<EventId>) {
    const GIVE_UP_AFTER: Duration = Duration::from_secs(15 * 60);
    let begun = Instant::now();
    while begun.elapsed() < GIVE_UP_AFTER {
        if let Ok(reads) = db.reads()
            && let Ok(events) = events::store::find_events(reads, events.clone()).await
        {
            return hub.publish(events.iter().map(TicketCount::of));
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Each once, in the order in which they are locked.
fn event_ids(batch: &[&Request]) -> Vec<EventId> {
    let mut ids: Vec<EventId> = batch.iter().map(|request| request.event_id()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

async fn find_users(
    tx: &DatabaseTransaction,
    batch: &[&Request],
) -> Result<HashSet<UserId>, DbErr> {
    let ids = batch.iter().map(|request| match request {
        Request::Book(request) => request.user_id,
        Request::Cancel(request) => request.user_id,
    });
    Ok(accounts::store::find_existing_users(tx, ids.collect()).await?.into_iter().collect())
}

/// What an attempt takes from the one before.
#[derive(Clone, Copy, Debug)]
struct Manner {
    /// An earlier attempt may have left the bookings, or met a user that is gone. The first one takes
    /// both for unlikely, and saves the reads.
    again: bool,
    /// Once an event's lock could not be had in time, only events are settled whose lock is free.
    held: Held,
}

/// A transaction that only misses its commit.
struct Prepared {
    tx: DatabaseTransaction,
    settled: Settled,
}

/// What a transaction comes to.
struct Settled {
    answers: Vec<Answer>,
    /// The events whose counts it changed.
    changed: Vec<Arc<event::Model>>,
    /// The counts of all its events as it found them.
    locked: Vec<TicketCount>,
}

impl Settled {
    fn event_ids(&self) -> Vec<EventId> {
        self.locked.iter().map(|count| count.event_id).collect()
    }
}

/// Where an attempt failed.
enum Failed {
    /// Nothing was stored.
    BeforeCommit(DbErr),
    /// If the connection broke, it may have been stored; with the events that it had locked.
    AtCommit(DbErr, Vec<EventId>),
}

impl From<DbErr> for Failed {
    fn from(error: DbErr) -> Self {
        Self::BeforeCommit(error)
    }
}
