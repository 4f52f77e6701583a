//! Gives events the keys that searches and the order by title compare.
//!
//! The database takes the search key of an event away when its title, venue or city is written,
//! whoever does that. So each search first looks for such events. If there are some, it waits until
//! they have keys, but not for long: events that take longer are left to a background task.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use rowlock_entities::{EventId, event};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, FromQueryResult,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Statement,
    sea_query::{Expr, LockBehavior, LockType},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

use super::{
    search_key::{pieces, search_key},
    title_key::title_key,
};
use crate::{
    coalescing::{Read, SharedReads},
    database::{Database, read_each},
};

/// Number of events that one transaction gives keys to. Their bookings wait for it.
const BATCH: u64 = 500;
/// Number of events that a look reads. There is usually none.
const LOOK: u64 = 20;
/// A renewal that searches wait for begins no further batch after this time.
const MAX_RENEWAL_TIME: Duration = Duration::from_millis(300);
/// Longest wait of a search for a renewal, which may itself wait for the writer.
const MAX_SEARCH_DELAY: Duration = Duration::from_secs(1);
/// After a search has waited in vain, no other one waits for this long.
const PAUSE: Duration = Duration::from_secs(2);
/// Time between two attempts to lock events that another transaction holds.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);
/// Longest time for a batch that searches or the background task begin, until it is committed.
const BATCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Shortest time between two passes of the background task.
const PASS_INTERVAL: Duration = Duration::from_secs(1);

/// Renews the keys of events. Clones share everything.
#[derive(Clone, Debug)]
pub(super) struct StaleKeys {
    db: Database,
    looks: SharedReads<AnyStale>,
    renewals: SharedReads<Renewal>,
    more: Arc<Notify>,
    /// Until when no search waits for a renewal.
    paused_until: Arc<Mutex<Option<Instant>>>,
}

impl StaleKeys {
    pub(super) fn new(db: Database) -> Self {
        Self {
            looks: SharedReads::new(db.clone()),
            renewals: SharedReads::new(db.clone()),
            db,
            more: Arc::default(),
            paused_until: Arc::default(),
        }
    }

    /// Gives keys to events that have none, or waits until others have done so. What takes too long
    /// is left to the background task.
    pub(super) async fn renew_some(&self) {
        // If the look fails, so will the search that asks.
        if !matches!(self.looks.find(AnyStale).await, Ok(Ok(true))) {
            return;
        }
        if self.paused_until.lock().is_none_or(|end| end <= Instant::now()) {
            // The renewal goes on if nobody waits for it any more.
            let renewal = timeout(MAX_SEARCH_DELAY, self.renewals.find(Renewal)).await;
            match renewal {
                Ok(Ok(Ok(Rest::None))) => return,
                Ok(Ok(Err(error))) => {
                    tracing::debug!(%error, "could not renew the search keys of some events");
                }
                _ => {}
            }
            *self.paused_until.lock() = Some(Instant::now() + PAUSE);
        }
        self.more.notify_one();
    }

    /// Gives keys to all events whenever a search has left some without, for as long as the server
    /// runs. At least half of the time is left to other work.
    pub(super) async fn renew_whenever_many(self) {
        loop {
            self.more.notified().await;
            let mut after = None;
            loop {
                let start = Instant::now();
                match renew_within_timeout(&self.db, after).await {
                    Ok(batch) if batch.may_have_successor() => after = batch.last,
                    Ok(_) => break,
                    Err(error) => {
                        // A search wakes this task again.
                        tracing::debug!(%error, "could not renew the search keys of all events");
                        break;
                    }
                }
                sleep(start.elapsed()).await;
            }
            sleep(PASS_INTERVAL).await;
        }
    }
}

/// Gives keys to all events that have none; returns their number.
///
/// # Errors
/// When the database fails.
pub(crate) async fn renew_all(db: &Database) -> Result<u64, DbErr> {
    let (mut renewed, mut after) = (0, None);
    loop {
        let batch = renew_batch(db, after).await?;
        renewed += batch.renewed;
        if !batch.may_have_successor() {
            return Ok(renewed);
        }
        after = batch.last;
    }
}

/// Whether there is an event that could have keys and has none.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct AnyStale;

impl Read for AnyStale {
    type Source = Database;
    type Found = Result<bool, DbErr>;

    async fn run(&self, db: &Database) -> Self::Found {
        any_stale(db.lists()).await
    }
}

/// Whether there is an event that could have keys and has none. An event whose texts can't be read
/// does not count: it stays without keys, and would send every search to the writer. Only if the
/// look is full of such events, others may follow.
async fn any_stale(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let rows = read_each::<Texts>(db, stale_events(LOOK).build(db.get_database_backend())).await?;
    Ok(rows.len() as u64 >= LOOK || rows.iter().any(|row| row.read.is_ok()))
}

/// Gives keys to as many events as searches can wait for. A search that needs keys while another
/// one's renewal runs shares the next, which begins after the first was committed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Renewal;

/// The events that a renewal has left without keys.
#[derive(Clone, Copy, Debug)]
enum Rest {
    None,
    Some,
}

impl Read for Renewal {
    type Source = Database;
    type Found = Result<Rest, DbErr>;

    async fn run(&self, db: &Database) -> Self::Found {
        let start = Instant::now();
        // The look needs no writer, and events that another server gave keys to need none.
        while any_stale(db.reads()).await? {
            if start.elapsed() >= MAX_RENEWAL_TIME {
                return Ok(Rest::Some);
            }
            if renew_within_timeout(db, None).await?.renewed == 0 {
                // Another transaction holds the events, perhaps one that gives them keys.
                sleep(LOCK_INTERVAL).await;
            }
        }
        Ok(Rest::None)
    }
}

/// The texts that an event's keys are made of.
#[derive(Debug, FromQueryResult)]
struct Texts {
    id: EventId,
    title: String,
    venue: String,
    city: String,
}

/// The first events without keys in the order of their ids.
fn stale_events(limit: u64) -> Select<event::Entity> {
    event::Entity::find()
        .select_only()
        .columns([
            event::Column::Id,
            event::Column::Title,
            event::Column::Venue,
            event::Column::City,
        ])
        .filter(Expr::col("search_key").is_null())
        .order_by_asc(event::Column::Id)
        .limit(limit)
}

/// Events without keys, as one transaction found them in the order of their ids.
#[derive(Debug)]
struct Batch {
    found: u64,
    renewed: u64,
    /// The last id that can be read.
    last: Option<EventId>,
}

impl Batch {
    /// Whether more events may follow. Without an id, there is no telling where they begin.
    fn may_have_successor(&self) -> bool {
        self.found >= BATCH && self.last.is_some()
    }
}

/// A connection that falls silent keeps nobody for longer.
async fn renew_within_timeout(db: &Database, after: Option<EventId>) -> Result<Batch, DbErr> {
    db.with_deadline(Instant::now() + BATCH_TIMEOUT, renew_batch(db, after)).await
}

async fn renew_batch(db: &Database, after: Option<EventId>) -> Result<Batch, DbErr> {
    let tx = db.begin().await?;
    let backend = tx.get_database_backend();
    // Nobody waits for an event that another program holds.
    let mut stale =
        stale_events(BATCH).lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked);
    if let Some(after) = after {
        stale = stale.filter(event::Column::Id.gt(after));
    }
    let rows = read_each::<Texts>(&tx, stale.build(backend)).await?;
    let found = rows.len() as u64;
    let last = rows.iter().rev().find_map(|row| row.value("id")).map(EventId);
    let readable: Vec<Texts> = rows.into_iter().filter_map(|row| row.read.ok()).collect();
    let renewed = readable.len() as u64;
    match backend {
        DbBackend::Postgres => write_on_postgres(&tx, readable).await?,
        _ => write_on_sqlite(&tx, readable).await?,
    }
    tx.commit().await?;
    Ok(Batch { found, renewed, last })
}

async fn write_on_postgres(tx: &impl ConnectionTrait, events: Vec<Texts>) -> Result<(), DbErr> {
    if events.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = events.iter().map(|event| event.id.0).collect();
    let title_keys: Vec<String> = events.iter().map(|event| title_key(&event.title)).collect();
    let search_keys: Vec<String> =
        events.iter().map(|event| search_key(&event.title, &event.venue, &event.city)).collect();
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "UPDATE events SET title_key = new.title_key, search_key = new.search_key \
         FROM unnest($1::uuid[], $2::text[], $3::text[]) AS new (id, title_key, search_key) \
         WHERE events.id = new.id",
        [ids.into(), title_keys.into(), search_keys.into()],
    );
    tx.execute_raw(statement).await.map(drop)
}

async fn write_on_sqlite(tx: &impl ConnectionTrait, events: Vec<Texts>) -> Result<(), DbErr> {
    let backend = DbBackend::Sqlite;
    for Texts { id, title, venue, city } in events {
        let key = search_key(&title, &venue, &city);
        let index = "INSERT INTO event_pieces (pieces) VALUES ($1)";
        let index = Statement::from_sql_and_values(backend, index, [pieces(&key).into()]);
        let row = tx.execute_raw(index).await?.last_insert_id();
        let update = Statement::from_sql_and_values(
            backend,
            "UPDATE events SET title_key = $1, search_key = $2, search_row = $3 WHERE id = $4",
            [title_key(&title).into(), key.into(), row.into(), id.0.into()],
        );
        tx.execute_raw(update).await?;
    }
    Ok(())
}
