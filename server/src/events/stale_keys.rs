//! Gives events the keys that searches and the order by title compare.
//!
//! The database takes the search key of an event away when its title or venue is written, whoever
//! does that. So each search looks for such events at the same time. If there are some, it gives
//! them their keys and searches again. If there are very many, a background task goes on.

use std::{sync::Arc, time::Duration};

use rowlock_entities::{EventId, event};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, FromQueryResult,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Statement,
    sea_query::{Expr, LockBehavior, LockType, Query},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
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
/// A search that finds events without keys begins no further batch after this time.
const MAX_SEARCH_DELAY: Duration = Duration::from_millis(300);

/// Renews the keys of events. Clones share everything.
#[derive(Clone, Debug)]
pub(super) struct StaleKeys {
    db: Database,
    looks: SharedReads<AnyStale>,
    more: Arc<Notify>,
}

impl StaleKeys {
    pub(super) fn new(db: Database) -> Self {
        Self { looks: SharedReads::new(db.clone()), db, more: Arc::default() }
    }

    /// Whether an event has no search key. False also if that can't be read: then the search that
    /// asks will fail by itself.
    pub(super) async fn exist(&self) -> bool {
        matches!(self.looks.find(AnyStale).await, Ok(Ok(true)))
    }

    /// Gives keys to events that have none, as many as a search can wait for; returns whether there
    /// were any. A search goes on without them if the database takes no writes.
    pub(super) async fn renew_some(&self) -> bool {
        let (start, mut renewed, mut after) = (Instant::now(), 0, None);
        while start.elapsed() < MAX_SEARCH_DELAY {
            match renew_batch(&self.db, after).await {
                Ok(batch) => {
                    renewed += batch.renewed;
                    after = batch.last;
                    if !batch.is_full() {
                        return renewed > 0;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "could not renew the search keys of some events");
                    return renewed > 0;
                }
            }
        }
        self.more.notify_one();
        renewed > 0
    }

    /// Gives keys to all events whenever a search has found many without, for as long as the server
    /// runs. At least half of the time is left to other work.
    pub(super) async fn renew_whenever_many(self) {
        loop {
            self.more.notified().await;
            let mut after = None;
            loop {
                let start = Instant::now();
                match renew_batch(&self.db, after).await {
                    Ok(batch) if batch.is_full() => after = batch.last,
                    Ok(_) => break,
                    Err(error) => {
                        // The next search wakes this task again.
                        tracing::debug!(%error, "could not renew the search keys of all events");
                        break;
                    }
                }
                sleep(start.elapsed()).await;
            }
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
        if !batch.is_full() {
            return Ok(renewed);
        }
        after = batch.last;
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct AnyStale;

impl Read for AnyStale {
    type Source = Database;
    type Found = Result<bool, DbErr>;

    async fn run(&self, db: &Database) -> Self::Found {
        let stale = Query::select()
            .expr(Expr::val(1))
            .from(event::Entity)
            .and_where(Expr::col("search_key").is_null())
            .limit(1)
            .take();
        Ok(db.lists().query_one(&stale).await?.is_some())
    }
}

/// The texts that an event's keys are made of.
#[derive(Debug, FromQueryResult)]
struct Texts {
    id: EventId,
    title: String,
    venue: String,
}

/// Events without keys, as one transaction found them in the order of their ids.
#[derive(Debug)]
struct Batch {
    found: u64,
    renewed: u64,
    last: Option<EventId>,
}

impl Batch {
    /// Whether more may follow.
    fn is_full(&self) -> bool {
        self.found >= BATCH
    }
}

async fn renew_batch(db: &Database, after: Option<EventId>) -> Result<Batch, DbErr> {
    let tx = db.begin().await?;
    let backend = tx.get_database_backend();
    let mut stale = event::Entity::find()
        .select_only()
        .columns([event::Column::Id, event::Column::Title, event::Column::Venue])
        .filter(Expr::col("search_key").is_null())
        .order_by_asc(event::Column::Id)
        .limit(BATCH)
        // Nobody waits for an event that another program holds.
        .lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked);
    if let Some(after) = after {
        stale = stale.filter(event::Column::Id.gt(after));
    }
    let rows = read_each::<Texts>(&tx, stale.build(backend)).await?;
    let found = rows.len() as u64;
    let last = rows.last().and_then(|row| row.value("id")).map(EventId);
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
        events.iter().map(|event| search_key(&event.title, &event.venue)).collect();
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
    for Texts { id, title, venue } in events {
        let key = search_key(&title, &venue);
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
