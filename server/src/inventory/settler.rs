//! Settles batches of bookings and cancellations, each in one row-locked transaction.
//!
//! The transaction locks the events, reads what the decisions depend on, lets the [`Ledger`] decide,
//! writes, and commits. Counts are published after the commit, never inside. A batch that lost
//! against another transaction, or whose commit was cut off, runs again from the start: booking ids
//! are made before, so a second run finds what the first one left. What is sold out is refused without
//! a transaction.

use std::{
    collections::{BTreeMap, HashSet},
    iter::zip,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rowlock_entities::{EventId, UserId, event};
use sea_orm::{DatabaseTransaction, DbErr};
use tokio::time::{Instant, sleep};

use super::ledger::{Changes, Ledger, Outcome, Request};
use crate::bookings::{service::BookingsError, store};
use crate::{
    accounts,
    clock::Clock,
    coalescing::batches::Runner,
    database::{Database, Fault, away, overdue},
    events::{self, store::Held},
    live::{Hub, TicketCount},
};

/// How long a batch may take from when it begins to settle, all its parts and attempts together.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);
/// How long the look at what is sold out may take before it.
const LOOK_WITHIN: Duration = Duration::from_secs(3);
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

    async fn run(
        &self,
        requests: Vec<Request>,
        mut answer: impl FnMut(usize, Self::Answer) + Send,
    ) {
        let mut is_open = vec![true; requests.len()];
        for (at, refusal) in self.refuse_what_is_sold_out(&requests).await {
            answer(at, refusal);
            is_open[at] = false;
        }
        let deadline = Instant::now() + SETTLE_WITHIN;
        let mut parts = vec![Part::new((0..requests.len()).filter(|at| is_open[*at]).collect())];
        while let Some(part) = parts.pop() {
            if Instant::now() >= deadline {
                // What was held took all the time, and nothing of this was begun.
                part.at.into_iter().for_each(|at| answer(at, Err(BookingsError::Crowded)));
                continue;
            }
            let Settlement { answered, left } = self.settle(&requests, part, deadline).await;
            for (at, outcome) in answered {
                answer(at, outcome);
            }
            parts.extend(left);
        }
    }
}

/// Requests of a batch that share a transaction.
#[derive(Debug)]
struct Part {
    /// Their places in the batch.
    at: Vec<usize>,
    patience: Patience,
    /// An earlier attempt may have left the bookings, or met a user that is gone. The first one takes
    /// both for unlikely, and saves the reads.
    again: bool,
}

/// What is done about rows that another transaction holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// Their locks are awaited.
    First,
    /// One could not be had in time. Only what is free is settled; the rest is left for later.
    Skipping,
    /// What was left is awaited once more, each event by itself.
    Last,
}

/// What became of a part.
#[derive(Debug, Default)]
struct Settlement {
    answered: Vec<(usize, Answer)>,
    /// To settle by themselves, the last one first.
    left: Vec<Part>,
}

impl Part {
    fn new(at: Vec<usize>) -> Self {
        Self { at, patience: Patience::First, again: false }
    }

    /// Two that are like this one, first come first served.
    fn split(mut self) -> Vec<Self> {
        let Self { patience, again, .. } = self;
        let later = self.at.split_off(self.at.len() / 2);
        vec![Self { at: later, patience, again }, self]
    }

    /// Each event's requests by themselves, and those that most wait for last: they are most likely
    /// to be held only for a moment.
    fn by_event(at: Vec<usize>, requests: &[Request]) -> Vec<Self> {
        let mut events: BTreeMap<EventId, Vec<usize>> = BTreeMap::new();
        for at in at {
            events.entry(requests[at].event_id()).or_default().push(at);
        }
        let mut events: Vec<Vec<usize>> = events.into_values().collect();
        events.sort_by_key(Vec::len);
        let last = |at| Self { at, patience: Patience::Last, again: true };
        events.into_iter().map(last).collect()
    }
}

impl Settler {
    pub(crate) fn new(db: Database, clock: Clock, hub: Hub, delay: Duration) -> Self {
        Self { db, clock, hub, delay, sold_out: Mutex::default() }
    }

    /// Answers the bookings of events that were sold out when last seen, as far as that needs no
    /// change: from a read that begins now, after each of them came, and takes no lock.
    async fn refuse_what_is_sold_out(&self, requests: &[Request]) -> Vec<(usize, Answer)> {
        let candidates: Vec<usize> = {
            let sold_out = self.sold_out();
            let is_candidate = |request: &Request| match request {
                Request::Book(request) => sold_out.contains(&request.event_id),
                Request::Cancel(_) => false,
            };
            (0..requests.len()).filter(|at| is_candidate(&requests[*at])).collect()
        };
        if candidates.is_empty() {
            return Vec::new();
        }
        let batch: Vec<&Request> = candidates.iter().map(|at| &requests[*at]).collect();
        let deadline = Instant::now() + LOOK_WITHIN;
        let looked = self.db.finish_by(deadline, self.read_without_lock(&batch)).await;
        let mut ledger = match looked.unwrap_or_else(|| Err(overdue())) {
            Ok(ledger) => ledger,
            Err(error) => {
                // The transaction will meet the same, and knows what to do about it.
                tracing::debug!(%error, "a look at sold-out events failed");
                return Vec::new();
            }
        };
        self.remember_sold_out(ledger.events());
        let mut answers = Vec::with_capacity(candidates.len());
        for (at, request) in zip(candidates, batch) {
            let outcome = ledger.decide(request);
            // Tickets came back: from the first who would get some, all wait for the lock. So does who
            // used a key twice, as the first use may be one of those.
            if !ledger.has_changed(request.event_id()) && outcome != Outcome::KeyReused {
                answers.push((at, Ok(outcome)));
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

    /// Decides a part in one transaction, again where that can help, and publishes its counts.
    async fn settle(&self, requests: &[Request], mut part: Part, deadline: Instant) -> Settlement {
        let mut settlement = Settlement::default();
        let mut pause = FIRST_RETRY;
        let mut conflicts = 0;
        // The events of an attempt whose commit was cut off. It may have changed their counts.
        let mut in_doubt = Vec::new();
        while !part.at.is_empty() {
            let batch: Vec<&Request> = part.at.iter().map(|at| &requests[*at]).collect();
            let error = match self.attempt(&batch, &part, deadline).await {
                Ok(Decided { answers, changed, locked }) => {
                    self.hub.publish(changed.iter().map(|event| TicketCount::of(event)));
                    if !in_doubt.is_empty() {
                        // What the attempt in doubt changed is not among this one's changes.
                        self.hub.publish(locked);
                    }
                    let (answered, left) = sort_out(part.at, answers);
                    settlement.answered.extend(answered);
                    settlement.left.extend(Part::by_event(left, requests));
                    return settlement;
                }
                Err(Failed::AtCommit(error, decided)) if Fault::of(&error) == Fault::Away => {
                    in_doubt = decided.event_ids();
                    // The truth is had from the lock that the cut transaction may still hold.
                    part.patience = Patience::Last;
                    let (tried, left) = sort_out(part.at, decided.answers);
                    part.at = tried.into_iter().map(|(at, _)| at).collect();
                    settlement.left.extend(Part::by_event(left, requests));
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
                Fault::Held if part.patience == Patience::First => {
                    part.patience = Patience::Skipping;
                    true
                }
                // A connection can have died since it was last used. Apart from that, nothing
                // happened before a commit, and the caller can try again better than we can.
                Fault::Away => !part.again || !in_doubt.is_empty(),
                Fault::Held | Fault::Busy => !in_doubt.is_empty(),
                Fault::Other => false,
            };
            part.again = true;
            if !again || Instant::now() + pause > deadline {
                // One of them may be to blame, and must not fail the others.
                let may_be_of_one = match fault {
                    Fault::Conflict | Fault::Other => true,
                    Fault::Held => part.patience == Patience::Skipping,
                    Fault::Away | Fault::Busy | Fault::Lost => false,
                };
                let answer = match in_doubt.is_empty() {
                    true if may_be_of_one && part.at.len() > 1 => {
                        settlement.left.extend(part.split());
                        return settlement;
                    }
                    true => Err(error.into()),
                    false => {
                        let (db, hub) = (self.db.clone(), self.hub.clone());
                        tokio::spawn(publish_when_back(db, hub, in_doubt));
                        Err(BookingsError::InDoubt)
                    }
                };
                settlement.answered.extend(part.at.iter().map(|at| (*at, answer.clone())));
                return settlement;
            }
            tracing::debug!(%error, ?in_doubt, "a batch of bookings runs again");
            sleep(pause.mul_f64(0.5 + rand::random::<f64>())).await;
            pause = (pause * 2).min(LONGEST_RETRY);
        }
        settlement
    }

    /// One transaction.
    async fn attempt(
        &self,
        batch: &[&Request],
        part: &Part,
        deadline: Instant,
    ) -> Result<Decided, Failed> {
        let prepared = self.db.finish_by(deadline, self.prepare(batch, part)).await;
        let Prepared { tx, decided } = prepared.unwrap_or_else(|| Err(overdue()))?;
        // Whatever becomes of a commit that is cut off.
        let committed = self.db.finish_by(deadline, tx.commit()).await;
        match committed.unwrap_or_else(|| Err(away())) {
            Ok(()) => {
                self.remember_sold_out(decided.changed.iter().map(Arc::as_ref));
                Ok(decided)
            }
            Err(error) => Err(Failed::AtCommit(error, decided)),
        }
    }

    /// All of a transaction but its commit.
    async fn prepare(&self, batch: &[&Request], part: &Part) -> Result<Prepared, DbErr> {
        let tx = self.db.begin().await?;
        let skipping = part.patience == Patience::Skipping;
        let held = if skipping { Held::Skip } else { Held::Await };
        let events = events::store::lock_events(&tx, event_ids(batch), held).await?;
        // From here on, nobody else changes these events' counts or bookings. On PostgreSQL the
        // next statements see all that was committed before the lock was had.
        if !self.delay.is_zero() {
            sleep(self.delay).await;
        }
        let bookings = store::find_bookings_that_matter(&tx, batch, part.again).await?;
        let users = match part.again {
            false => None,
            true => Some(find_users(&tx, batch).await?),
        };
        let mut ledger = Ledger::new(self.clock.now(), users, events, bookings);
        let locked: Vec<TicketCount> = ledger.events().map(TicketCount::of).collect();
        let answers = batch
            .iter()
            .map(|request| match ledger.decide(request) {
                // One that does not exist can't be told from one that is held.
                Outcome::NoSuchEvent if skipping => None,
                outcome => Some(Ok(outcome)),
            })
            .collect();
        // What asked and got nothing tells as much as what changed.
        self.remember_sold_out(ledger.events().filter(|event| !ledger.has_changed(event.id)));
        let Changes { inserted, cancelled, events: changed } = ledger.into_changes();

        // Cancellations first: a user who cancels and books again has one confirmed booking.
        store::cancel(&tx, &cancelled).await?;
        store::insert(&tx, inserted).await?;
        events::store::update_counts(&tx, &changed).await?;
        Ok(Prepared { tx, decided: Decided { answers, changed, locked } })
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
        if let Ok(events) = events::store::find_events(db.reads(), events.clone()).await {
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

/// The answers of those that were settled, and the places of those that were not.
fn sort_out(at: Vec<usize>, answers: Vec<Option<Answer>>) -> (Vec<(usize, Answer)>, Vec<usize>) {
    let (mut answered, mut left) = (Vec::new(), Vec::new());
    for (at, answer) in zip(at, answers) {
        match answer {
            Some(answer) => answered.push((at, answer)),
            None => left.push(at),
        }
    }
    (answered, left)
}

/// A transaction that only misses its commit.
struct Prepared {
    tx: DatabaseTransaction,
    decided: Decided,
}

/// What a transaction comes to.
struct Decided {
    /// One for each request; none where its event was held.
    answers: Vec<Option<Answer>>,
    /// The events whose counts it changed.
    changed: Vec<Arc<event::Model>>,
    /// The counts of all its events as it found them.
    locked: Vec<TicketCount>,
}

impl Decided {
    fn event_ids(&self) -> Vec<EventId> {
        self.locked.iter().map(|count| count.event_id).collect()
    }
}

/// Where an attempt failed.
enum Failed {
    /// Nothing was stored.
    BeforeCommit(DbErr),
    /// If the connection broke, it may have been stored.
    AtCommit(DbErr, Decided),
}

impl From<DbErr> for Failed {
    fn from(error: DbErr) -> Self {
        Self::BeforeCommit(error)
    }
}
