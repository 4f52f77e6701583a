//! Reads events by id, many in one query.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use rowlock_entities::{EventId, event};
use sea_orm::DbErr;

use super::store;
use crate::database::Database;

/// Batches the `event` fields of bookings and updates. Keeps nothing between batches.
#[derive(Debug)]
pub(crate) struct EventLoader(pub(crate) Database);

impl Loader<EventId> for EventLoader {
    type Value = Arc<event::Model>;
    type Error = DbErr;

    async fn load(
        &self,
        ids: &[EventId],
    ) -> Result<HashMap<EventId, Arc<event::Model>>, Self::Error> {
        let events = store::find_events(self.0.reads()?, ids.to_vec()).await?;
        Ok(events.into_iter().map(|event| (event.id, Arc::new(event))).collect())
    }
}
