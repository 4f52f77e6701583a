//! Adds the texts of events to the index over their starts. So a search reads the beginning of a list
//! from the index alone, wherever the events are.
//!
//! SQLite keeps its index: there, a row is as near as its texts.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

use crate::m20261127_000015_bookings_of_events::{index_on_postgres, run_one_by_one};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const BY_DATE: &str = "events_by_date";
const BY_DATE_WITH_TEXTS: &str = "events_by_date_with_texts";

/// An index takes rows of 2,704 bytes. Rowlock makes these keys anew, and no longer than that.
const FORGET_LONG_KEYS: &str =
    "UPDATE events SET search_key = NULL WHERE octet_length(search_key) > 2402";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // An index is made without a transaction, and each step can be made again.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        let db = manager.get_connection();
        db.execute_unprepared(FORGET_LONG_KEYS).await?;
        let on = "ON events (starts_at, id) INCLUDE (status, search_key)".to_owned();
        index_on_postgres(db, &[("", BY_DATE_WITH_TEXTS, on)]).await?;
        run_one_by_one(db, &[format!("DROP INDEX CONCURRENTLY IF EXISTS {BY_DATE}")]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        let db = manager.get_connection();
        index_on_postgres(db, &[("", BY_DATE, "ON events (starts_at, id)".to_owned())]).await?;
        let drop = format!("DROP INDEX CONCURRENTLY IF EXISTS {BY_DATE_WITH_TEXTS}");
        run_one_by_one(db, &[drop]).await
    }
}
