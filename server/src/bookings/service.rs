//! Runs batches of bookings and cancellations, each in one row-locked transaction.
//!
//! The transaction locks the events, reads what the decisions depend on, lets the [`Ledger`] decide,
//! writes, and commits. Counts are published after the commit, never inside. A batch that lost
//! against another transaction, or whose commit was cut off, runs again from the start: booking ids
//! are made before, so a second run finds what the first one left.

use std::time::Duration;

use rowlock_entities::{BookingId, EventId, UserId, booking, event};
use sea_orm::{DatabaseTransaction, DbErr};
use tokio::time::{Instant, sleep};

use super::{
    ledger::{BookRequest, CancelRequest, Changes, Ledger, Outcome, Request},
    store::{self, BookingFilter},
};
use crate::{
    accounts,
    clock::Clock,
    database::{Database, Fault, WRITE_WAIT},
    error::ApiError,
    events,
    live::{Hub, TicketCount},
    pagination::{Page, PageRequest},
};

/// First wait before a batch runs again; doubles each time, with jitter.
const FIRST_RETRY: Duration = Duration::from_millis(5);
const LONGEST_RETRY: Duration = Duration::from_millis(500);

/// Why a booking or cancellation could not be decided.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BookingsError {
    #[error("no such event")]
    NoSuchEvent,
    #[error("no such booking")]
    NoSuchBooking,
    #[error("the user is gone")]
    NoSuchUser,
    #[error("the idempotency key belongs to another request")]
    KeyReused,
    #[error("the connection was lost at commit and the outcome could not be looked up in time")]
    InDoubt,
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error("{0}")]
    Internal(String),
}

impl From<BookingsError> for ApiError {
    fn from(error: BookingsError) -> Self {
        match error {
            BookingsError::NoSuchEvent => Self::NotFound("event"),
            BookingsError::NoSuchBooking => Self::NotFound("booking"),
            BookingsError::NoSuchUser => Self::no_such_account(),
            BookingsError::KeyReused => Self::field(
                "idempotencyKey",
                "This idempotencyKey was used for another event or quantity. Use a new one for each \
                 new booking, and the same one only to repeat a request.",
            ),
            BookingsError::InDoubt => Self::Unavailable {
                message: "The connection to the database broke while this was being stored. It may \
                          or may not have happened: look at your bookings, or repeat the request \
                          with the same idempotencyKey.",
                retry_after_seconds: 5,
            },
            BookingsError::Database(error) => error.into(),
            BookingsError::Internal(cause) => Self::Internal(cause),
        }
    }
}

/// An answer to `bookEvent`.
#[derive(Clone, Debug)]
pub(crate) enum BookAnswer {
    Success(booking::Model),
    SoldOut(event::Model),
    AlreadyBooked(booking::Model),
    Closed(event::Model),
}

/// An answer to `cancelBooking`.
#[derive(Clone, Debug)]
pub(crate) enum CancelAnswer {
    Success(booking::Model),
    Closed(event::Model),
}

/// Books and cancels. Clones share everything.
#[derive(Clone, Debug)]
pub struct Bookings {
    db: Database,
    clock: Clock,
    hub: Hub,
    /// How long each transaction holds its locks for nothing, to make races visible.
    delay: Duration,
}

impl Bookings {
    #[must_use]
    pub fn new(db: Database, clock: Clock, hub: Hub, delay: Duration) -> Self {
        Self { db, clock, hub, delay }
    }

    /// Books tickets, all of them or none.
    pub(crate) async fn book(
        &self,
        user_id: UserId,
        event_id: EventId,
        quantity: i32,
        idempotency_key: Option<String>,
    ) -> Result<BookAnswer, BookingsError> {
        let booking_id = BookingId::new();
        let request = BookRequest { booking_id, user_id, event_id, quantity, idempotency_key };
        match self.settle_one(Request::Book(request)).await? {
            Outcome::Booked(booking) => Ok(BookAnswer::Success(booking)),
            Outcome::SoldOut(event) => Ok(BookAnswer::SoldOut(event)),
            Outcome::AlreadyBooked(booking) => Ok(BookAnswer::AlreadyBooked(booking)),
            Outcome::Closed(event) => Ok(BookAnswer::Closed(event)),
            other => Err(refusal(other)),
        }
    }

    /// Cancels a booking and returns its tickets; again, gives the same cancelled booking.
    pub(crate) async fn cancel(
        &self,
        user_id: UserId,
        booking_id: BookingId,
    ) -> Result<CancelAnswer, BookingsError> {
        let request = CancelRequest { booking_id, user_id };
        match self.settle_one(Request::Cancel(request)).await? {
            Outcome::Cancelled(booking) => Ok(CancelAnswer::Success(booking)),
            Outcome::Closed(event) => Ok(CancelAnswer::Closed(event)),
            other => Err(refusal(other)),
        }
    }

    pub(crate) async fn page(
        &self,
        filter: &BookingFilter,
        request: &PageRequest<BookingId>,
    ) -> Result<Page<booking::Model>, BookingsError> {
        let rows = store::find_page(self.db.reads()?, filter, request).await?;
        Ok(Page::of(rows, request))
    }

    pub(crate) async fn count(&self, filter: &BookingFilter) -> Result<u64, BookingsError> {
        Ok(store::count(self.db.reads()?, filter).await?)
    }

    /// A batch of one. In a task of its own: a caller that hangs up ends neither the transaction
    /// nor the publishing of its counts.
    async fn settle_one(&self, request: Request) -> Result<Outcome, BookingsError> {
        let this = self.clone();
        let outcomes = tokio::spawn(async move { this.settle(&[request]).await })
            .await
            .map_err(|error| BookingsError::Internal(error.to_string()))??;
        let outcome = outcomes.into_iter().next();
        outcome.ok_or_else(|| BookingsError::Internal("a request got no outcome".to_owned()))
    }

    /// Decides a batch in one transaction, again where that can help, and publishes its counts.
    async fn settle(&self, batch: &[Request]) -> Result<Vec<Outcome>, BookingsError> {
        let deadline = Instant::now() + WRITE_WAIT;
        let mut pause = FIRST_RETRY;
        // The events of an attempt whose commit was cut off. It may have changed their counts.
        let mut in_doubt = Vec::new();
        loop {
            let error = match self.attempt(batch).await {
                Ok(Settled { outcomes, changed, locked }) => {
                    self.hub.publish(changed.iter().map(TicketCount::of));
                    if !in_doubt.is_empty() {
                        // What the attempt in doubt changed is not among this one's changes.
                        self.hub.publish(locked);
                    }
                    return Ok(outcomes);
                }
                Err(Failed::AtCommit(error, events)) if Fault::of(&error) == Fault::Away => {
                    in_doubt = events;
                    error
                }
                Err(Failed::AtCommit(error, _) | Failed::BeforeCommit(error)) => error,
            };
            let again = match Fault::of(&error) {
                // What it conflicted with is committed, so the next attempt sees it.
                Fault::Lost | Fault::Conflict => true,
                // Before a commit nothing happened, and the caller can try again better than we can.
                Fault::Away | Fault::Busy => !in_doubt.is_empty(),
                Fault::Other => false,
            };
            if !again || Instant::now() + pause > deadline {
                if in_doubt.is_empty() {
                    return Err(error.into());
                }
                tokio::spawn(self.clone().publish_when_back(in_doubt));
                return Err(BookingsError::InDoubt);
            }
            tracing::debug!(%error, ?in_doubt, "a batch of bookings runs again");
            sleep(pause.mul_f64(0.5 + rand::random::<f64>())).await;
            pause = (pause * 2).min(LONGEST_RETRY);
        }
    }

    /// Publishes the counts of events whose change is in doubt as soon as they can be read, so that
    /// nobody who watches is left with an old one.
    async fn publish_when_back(self, events: Vec<EventId>) {
        const GIVE_UP_AFTER: Duration = Duration::from_secs(15 * 60);
        let begun = Instant::now();
        while begun.elapsed() < GIVE_UP_AFTER {
            if let Ok(db) = self.db.reads()
                && let Ok(events) = events::store::find_events(db, events.clone()).await
            {
                return self.hub.publish(events.iter().map(TicketCount::of));
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// One transaction.
    async fn attempt(&self, batch: &[Request]) -> Result<Settled, Failed> {
        let tx = self.db.begin().await?;
        let mut ledger = self.read_under_lock(&tx, batch).await?;
        let locked: Vec<TicketCount> = ledger.events().map(TicketCount::of).collect();
        let outcomes = batch.iter().map(|request| ledger.decide(request)).collect();
        let Changes { inserted, cancelled, events: changed } = ledger.into_changes();

        // Cancellations first: a user who cancels and books again has one confirmed booking.
        store::cancel(&tx, &cancelled).await?;
        if !inserted.is_empty() {
            store::insert(&tx, inserted).await?;
        }
        for event in &changed {
            events::store::update_count(&tx, event).await?;
        }
        match tx.commit().await {
            Ok(()) => Ok(Settled { outcomes, changed, locked }),
            Err(error) => {
                Err(Failed::AtCommit(error, locked.iter().map(|count| count.event_id).collect()))
            }
        }
    }

    async fn read_under_lock(
        &self,
        tx: &DatabaseTransaction,
        batch: &[Request],
    ) -> Result<Ledger, DbErr> {
        let mut books = Vec::new();
        let mut cancels = Vec::new();
        for request in batch {
            match request {
                Request::Book(request) => books.push(request),
                Request::Cancel(request) => cancels.push(request),
            }
        }
        let mut event_ids: Vec<EventId> = books.iter().map(|request| request.event_id).collect();
        if !cancels.is_empty() {
            // A booking's event never changes, so this needs no lock.
            let ids = cancels.iter().map(|request| request.booking_id).collect();
            event_ids.extend(store::find_bookings(tx, ids).await?.iter().map(|b| b.event_id));
        }
        event_ids.sort_unstable();
        event_ids.dedup();
        let events = events::store::lock_events(tx, event_ids).await?;
        // From here on, nobody else changes these events' counts or bookings. On PostgreSQL the
        // next statements see all that was committed before the lock was had.
        if !self.delay.is_zero() {
            sleep(self.delay).await;
        }
        let bookings = store::find_bookings_that_matter(tx, &books, &cancels).await?;
        let mut user_ids: Vec<UserId> = books.iter().map(|request| request.user_id).collect();
        user_ids.extend(cancels.iter().map(|request| request.user_id));
        let users = accounts::store::find_existing_users(tx, user_ids).await?;
        Ok(Ledger::new(self.clock.now(), users, events, bookings))
    }
}

/// A transaction that committed.
struct Settled {
    outcomes: Vec<Outcome>,
    /// The events whose counts it changed.
    changed: Vec<event::Model>,
    /// The counts of all its events as it found them.
    locked: Vec<TicketCount>,
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

/// The outcomes that are errors for whoever asked; the others are answers.
fn refusal(outcome: Outcome) -> BookingsError {
    match outcome {
        Outcome::NoSuchEvent => BookingsError::NoSuchEvent,
        Outcome::NoSuchBooking => BookingsError::NoSuchBooking,
        Outcome::NoSuchUser => BookingsError::NoSuchUser,
        Outcome::KeyReused => BookingsError::KeyReused,
        Outcome::Booked(_)
        | Outcome::SoldOut(_)
        | Outcome::AlreadyBooked(_)
        | Outcome::Closed(_)
        | Outcome::Cancelled(_) => {
            BookingsError::Internal("the outcome of another kind of request".to_owned())
        }
    }
}
