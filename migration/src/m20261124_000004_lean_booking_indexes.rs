//! Removes the index of bookings by event, and leaves bookings without an idempotency key out of
//! the index of keys.
//!
//! With an index by event, PostgreSQL may look for one user's booking of a popular event among all
//! bookings of that event. Otherwise the index only served the check that a deleted event has no
//! bookings. Deleting an event now reads all bookings.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Bookings {
    Table,
    EventId,
    UserId,
    IdempotencyKey,
}

const BY_EVENT: &str = "bookings_by_event";
const BY_KEY: &str = "bookings_idempotency_key";

fn by_key() -> IndexCreateStatement {
    Index::create()
        .name(BY_KEY)
        .table(Bookings::Table)
        .col(Bookings::UserId)
        .col(Bookings::IdempotencyKey)
        .unique()
        .to_owned()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(BY_EVENT).table(Bookings::Table).to_owned()).await?;
        manager.drop_index(Index::drop().name(BY_KEY).table(Bookings::Table).to_owned()).await?;
        let given = Expr::col(Bookings::IdempotencyKey).is_not_null();
        manager.create_index(by_key().and_where(given).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(BY_KEY).table(Bookings::Table).to_owned()).await?;
        manager.create_index(by_key()).await?;
        let by_event =
            Index::create().name(BY_EVENT).table(Bookings::Table).col(Bookings::EventId).to_owned();
        manager.create_index(by_event).await
    }
}
