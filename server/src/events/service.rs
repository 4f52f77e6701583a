//! What may be asked about events.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::try_join_all;
use rowlock_entities::{EventId, event};
use sea_orm::DbErr;

use super::{
    loader::EventsById,
    store::{self, EventFilter, Position, SortKey},
};
use crate::{
    coalescing::{
        batches::{Batcher, Bounds},
        shared_reads::{Read, SharedReads},
    },
    database::Database,
    metrics::Metrics,
    pagination::{Page, PageRequest},
};

/// Longest text to search for, in characters.
pub(crate) const LONGEST_SEARCH: usize = 200;

/// Reads events. Clones share everything.
#[derive(Clone, Debug)]
pub struct Events {
    by_id: Batcher<EventsById>,
    pages: SharedReads<PageOfEvents>,
    counts: SharedReads<CountOfEvents>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct PageOfEvents {
    filter: EventFilter,
    request: PageRequest<Position>,
}

impl Read for PageOfEvents {
    type Source = Database;
    type Found = Result<Arc<Page<Arc<event::Model>>>, DbErr>;

    async fn run(&self, db: &Database) -> Self::Found {
        let rows = store::find_page(db.lists(), &self.filter, &self.request).await?;
        Ok(Arc::new(Page::of(rows.into_iter().map(Arc::new).collect(), &self.request)))
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct CountOfEvents(EventFilter);

impl Read for CountOfEvents {
    type Source = Database;
    type Found = Result<u64, DbErr>;

    async fn run(&self, db: &Database) -> Self::Found {
        store::count(db.lists(), &self.0).await
    }
}

impl Events {
    pub(crate) fn new(db: Database, metrics: &Metrics) -> Self {
        let by_id = EventsById(db.clone());
        Self {
            by_id: Batcher::new(by_id, Bounds::FOR_LOOKUPS, metrics.queue("events-by-id")),
            pages: SharedReads::new(db.clone()),
            counts: SharedReads::new(db),
        }
    }

    pub(crate) async fn find(&self, id: EventId) -> Result<Option<Arc<event::Model>>, DbErr> {
        self.by_id.call(id).await?
    }

    /// Those of these events that there are.
    pub(crate) async fn find_all(
        &self,
        ids: impl IntoIterator<Item = EventId>,
    ) -> Result<HashMap<EventId, Arc<event::Model>>, DbErr> {
        let found = try_join_all(ids.into_iter().map(|id| self.find(id))).await?;
        Ok(found.into_iter().flatten().map(|event| (event.id, event)).collect())
    }

    pub(crate) async fn page(
        &self,
        filter: EventFilter,
        request: PageRequest<Position>,
    ) -> Result<Arc<Page<Arc<event::Model>>>, DbErr> {
        self.pages.find(PageOfEvents { filter, request }).await?
    }

    pub(crate) async fn count(&self, filter: &EventFilter) -> Result<u64, DbErr> {
        self.counts.find(CountOfEvents(filter.unordered())).await?
    }
}

impl EventFilter {
    /// Events with `search` anywhere in their title, whatever the case; all without one.
    pub(crate) fn new(search: Option<&str>, key: SortKey, descending: bool) -> Self {
        Self { search: title_key(search.unwrap_or_default()), key, descending }
    }

    /// The same events in the order that all counts share.
    fn unordered(&self) -> Self {
        Self { search: self.search.clone(), key: SortKey::Date, descending: false }
    }
}

/// The form of a title that is searched and sorted by.
pub(crate) fn title_key(title: &str) -> String {
    // Letter by letter: as a whole, a Σ at a word's end becomes another letter than inside a word.
    title.trim().chars().flat_map(char::to_lowercase).collect()
}
