//! Looks for the bookings of a new event by their index. On SQLite, a trigger refuses to replace an
//! event that has some, and read all bookings for each event that was added. PostgreSQL knows no
//! `REPLACE`, and has no such trigger.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Only a statement that asks for tickets can use the index, which has the bookings with tickets. All
/// bookings have some.
const HAS_TICKETS: &str = " AND quantity > 0";

async fn replace_trigger(manager: &SchemaManager<'_>, has_tickets: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Sqlite {
        return Ok(());
    }
    let db = manager.get_connection();
    db.execute_unprepared("DROP TRIGGER events_replaced").await?;
    db.execute_unprepared(&format!(
        "CREATE TRIGGER events_replaced AFTER INSERT ON events \
         WHEN EXISTS (SELECT 1 FROM bookings WHERE event_id = new.id{has_tickets}) \
         AND NOT EXISTS (SELECT 1 FROM count_keeping) BEGIN \
         SELECT RAISE(ABORT, 'the event has bookings; change it by UPDATE'); END"
    ))
    .await
    .map(drop)
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace_trigger(manager, HAS_TICKETS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace_trigger(manager, "").await
    }
}
