//! Makes fewer index entries for each booking. The index by event alone goes, and the index by
//! idempotency key leaves out bookings without a key.
//!
//! With an index by event, PostgreSQL may search all bookings of a popular event for the one of a
//! user. The index had only one other use: deleting an event has to check that it has no bookings.
//! Without the index, that check reads all bookings.

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

/// Leaves out bookings without a key.
pub(crate) fn by_key_if_given() -> IndexCreateStatement {
    by_key().and_where(Expr::col(Bookings::IdempotencyKey).is_not_null()).to_owned()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(BY_EVENT).table(Bookings::Table).to_owned()).await?;
        manager.drop_index(Index::drop().name(BY_KEY).table(Bookings::Table).to_owned()).await?;
        manager.create_index(by_key_if_given()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(BY_KEY).table(Bookings::Table).to_owned()).await?;
        manager.create_index(by_key()).await?;
        let by_event =
            Index::create().name(BY_EVENT).table(Bookings::Table).col(Bookings::EventId).to_owned();
        manager.create_index(by_event).await
    }
}
