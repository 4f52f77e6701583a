//! What may be asked about events.

use rowlock_entities::{EventId, event};
use sea_orm::DbErr;

use super::store::{self, EventFilter, Position, SortKey};
use crate::{
    database::Database,
    error::ApiError,
    pagination::{Page, PageRequest},
};

/// Longest text to search for, in characters.
pub(crate) const LONGEST_SEARCH: usize = 200;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    #[error("no such event")]
    NotFound,
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl From<EventsError> for ApiError {
    fn from(error: EventsError) -> Self {
        match error {
            EventsError::NotFound => Self::NotFound("event"),
            EventsError::Database(error) => error.into(),
        }
    }
}

/// Reads events. Clones share everything.
#[derive(Clone, Debug)]
pub struct Events {
    db: Database,
}

impl Events {
    #[must_use]
    pub fn new(db: Database) -> Self {
        Self { db }
    }

    pub(crate) async fn find(&self, id: EventId) -> Result<Option<event::Model>, EventsError> {
        Ok(self.find_all(vec![id]).await?.pop())
    }

    /// The events with these ids, in no order; ids without an event are left out.
    pub(crate) async fn find_all(
        &self,
        ids: Vec<EventId>,
    ) -> Result<Vec<event::Model>, EventsError> {
        Ok(store::find_events(self.db.reads()?, ids).await?)
    }

    pub(crate) async fn page(
        &self,
        filter: &EventFilter,
        request: &PageRequest<Position>,
    ) -> Result<Page<event::Model>, EventsError> {
        let rows = store::find_page(self.db.reads()?, filter, request).await?;
        Ok(Page::of(rows, request))
    }

    pub(crate) async fn count(&self, filter: &EventFilter) -> Result<u64, EventsError> {
        Ok(store::count(self.db.reads()?, filter).await?)
    }
}

impl EventFilter {
    /// Events with `search` anywhere in their title, whatever the case; all without one.
    pub(crate) fn new(search: Option<&str>, key: SortKey, descending: bool) -> Self {
        Self { search: title_key(search.unwrap_or_default()), key, descending }
    }
}

/// The form of a title that is searched and sorted by.
pub(crate) fn title_key(title: &str) -> String {
    title.trim().to_lowercase()
}
