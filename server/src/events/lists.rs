//! The sources of what is read about many events.

use super::{order::EventFilter, stale_keys::StaleKeys};
use crate::{clock::Clock, database::Database};

/// The sources of pages, counts and cities.
#[derive(Clone)]
pub(super) struct Lists {
    pub(super) db: Database,
    pub(super) clock: Clock,
    pub(super) stale_keys: StaleKeys,
}

impl Lists {
    /// Runs `read` once the events have the keys that it depends on.
    pub(super) async fn read<F: Future>(
        &self,
        filter: &EventFilter,
        read: impl FnOnce() -> F,
    ) -> F::Output {
        if filter.needs_keys() {
            self.stale_keys.renew_some().await;
        }
        read().await
    }
}
