//! What may be asked about events.

use rowlock_entities::event;
use sea_orm::DbErr;

use super::store::{self, EventFilter, Position, SortKey};
use crate::{
    database::Database,
    pagination::{Page, PageRequest},
};

/// Longest text to search for, in characters.
pub(crate) const LONGEST_SEARCH: usize = 200;

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

    pub(crate) async fn page(
        &self,
        filter: &EventFilter,
        request: &PageRequest<Position>,
    ) -> Result<Page<event::Model>, DbErr> {
        let rows = store::find_page(self.db.reads()?, filter, request).await?;
        Ok(Page::of(rows, request))
    }

    pub(crate) async fn count(&self, filter: &EventFilter) -> Result<u64, DbErr> {
        store::count(self.db.reads()?, filter).await
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
    // Letter by letter: as a whole, a Σ at a word's end becomes another letter than inside a word.
    title.trim().chars().flat_map(char::to_lowercase).collect()
}
