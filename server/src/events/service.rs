//! Reads events: one by id, or pages of searched and ordered lists; and their cities.

use std::sync::Arc;

use futures_util::future::join_all;
use rowlock_entities::{EventId, event};
use sea_orm::DbErr;

use super::{
    cities::{CitiesOfEvents, City, KeptCities},
    lists::Lists,
    loader::EventsById,
    order::{EventFilter, Position},
    search,
    stale_keys::StaleKeys,
};
use crate::{
    clock::Clock,
    coalescing::{Batcher, Bounds, Read, ReadPanicked, Refusal, SharedReads},
    database::{Database, Fault, only_readable},
    metrics::Metrics,
    pagination::{Page, PageRequest},
};

/// Longest text to search for, in characters.
pub(crate) const MAX_SEARCH_CHARS: usize = 200;
/// Maximum number of words in it. Each costs a look into an index.
pub(crate) const MAX_SEARCH_WORDS: usize = 20;

/// The reason why events could not be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EventsError {
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error(transparent)]
    LookupRefused(#[from] Refusal),
    #[error(transparent)]
    ReadPanicked(#[from] ReadPanicked),
}

/// Events. Clones share everything.
#[derive(Clone, Debug)]
pub struct Events {
    by_id: Batcher<EventsById>,
    pages: SharedReads<PageOfEvents>,
    counts: SharedReads<CountOfEvents>,
    cities: SharedReads<CitiesOfEvents>,
    kept_cities: KeptCities,
    clock: Clock,
    stale_keys: StaleKeys,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct PageOfEvents {
    filter: EventFilter,
    request: PageRequest<Position>,
}

impl Read for PageOfEvents {
    type Source = Lists;
    type Found = Result<Arc<Page<Arc<event::Model>>>, DbErr>;

    async fn run(&self, lists: &Lists) -> Self::Found {
        let Self { filter, request } = self;
        let now = lists.clock.now();
        let (reads, lists_db) = (lists.db.reads(), lists.db.lists());
        let rows = match filter.scope.is_for_members() {
            true => lists.read(filter, || search::find_page(reads, filter, request, now)).await?,
            false => {
                lists.read(filter, || search::find_page(lists_db, filter, request, now)).await?
            }
        };
        let page = Page::of(rows, &self.request).map_rows(only_readable);
        Ok(Arc::new(page.map_rows(|rows| rows.into_iter().map(Arc::new).collect())))
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct CountOfEvents(EventFilter);

impl Read for CountOfEvents {
    type Source = Lists;
    type Found = Result<u64, DbErr>;

    async fn run(&self, lists: &Lists) -> Self::Found {
        let Self(filter) = self;
        let now = lists.clock.now();
        match filter.scope.is_for_members() {
            true => lists.read(filter, || search::count(lists.db.reads(), filter, now)).await,
            false => lists.read(filter, || search::count(lists.db.lists(), filter, now)).await,
        }
    }
}

impl Events {
    pub(crate) fn new(db: Database, clock: Clock, metrics: &Metrics) -> Self {
        let by_id = EventsById(db.clone());
        let stale_keys = StaleKeys::new(db.clone());
        let lists = Lists { db, clock: clock.clone(), stale_keys: stale_keys.clone() };
        let kept_cities = KeptCities::default();
        Self {
            by_id: Batcher::new(by_id, Bounds::FOR_LOOKUPS, metrics.queue("events-by-id")),
            pages: SharedReads::new(lists.clone()),
            counts: SharedReads::new(lists.clone()),
            cities: SharedReads::new((lists, kept_cities.clone())),
            kept_cities,
            clock,
            stale_keys,
        }
    }

    /// Gives search keys to events that another program wrote, for as long as the server runs.
    pub(crate) async fn keep_search_keys(self) {
        self.stale_keys.renew_whenever_many().await;
    }

    pub(crate) async fn find(&self, id: EventId) -> Result<Option<Arc<event::Model>>, EventsError> {
        Ok(self.by_id.ask(id).await??)
    }

    /// Those of these events that exist and can be read.
    pub(crate) async fn find_readable(
        &self,
        ids: impl IntoIterator<Item = EventId>,
    ) -> Result<Vec<Arc<event::Model>>, EventsError> {
        let (mut readable, mut unreadable, mut last_error) = (Vec::new(), 0, None);
        for found in join_all(ids.into_iter().map(|id| self.find(id))).await {
            match found {
                Ok(event) => readable.extend(event),
                // Whoever asks for this event by itself is told.
                Err(EventsError::Database(error)) if Fault::of(&error) == Fault::Other => {
                    unreadable += 1;
                    last_error = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match last_error {
            // It is the statement that failed, and not some row.
            Some(error) if readable.is_empty() && unreadable > 1 => Err(error.into()),
            _ => Ok(readable),
        }
    }

    pub(crate) async fn page(
        &self,
        filter: EventFilter,
        request: PageRequest<Position>,
    ) -> Result<Arc<Page<Arc<event::Model>>>, EventsError> {
        Ok(self.pages.find(PageOfEvents { filter, request }).await??)
    }

    pub(crate) async fn count(&self, filter: &EventFilter) -> Result<u64, EventsError> {
        Ok(self.counts.find(CountOfEvents(filter.unordered())).await??)
    }

    /// The cities of published events that have not begun, those with most events first. The answer
    /// may be some seconds old.
    pub(crate) async fn cities(&self) -> Result<Arc<[City]>, EventsError> {
        match self.kept_cities.find(self.clock.now()) {
            Some(cities) => Ok(cities),
            None => Ok(self.cities.find(CitiesOfEvents).await??),
        }
    }
}
