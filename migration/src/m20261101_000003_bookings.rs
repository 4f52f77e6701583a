//! Bookings, and the constraints that back the booking guarantee.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{m20261101_000001_accounts::Users, m20261101_000002_events::Events};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Bookings {
    Table,
    Id,
    EventId,
    UserId,
    Quantity,
    Status,
    IdempotencyKey,
    CreatedAt,
    CancelledAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let confirmed = || Expr::col(Bookings::Status).eq(Expr::cust("'CONFIRMED'"));
        let cancelled = || Expr::col(Bookings::Status).eq(Expr::cust("'CANCELLED'"));
        let status_fits_cancelled_at = confirmed()
            .and(Expr::col(Bookings::CancelledAt).is_null())
            .or(cancelled().and(Expr::col(Bookings::CancelledAt).is_not_null()));

        manager
            .create_table(
                Table::create()
                    .table(Bookings::Table)
                    .col(pk_uuid(Bookings::Id))
                    .col(uuid(Bookings::EventId))
                    .col(uuid(Bookings::UserId))
                    .col(integer(Bookings::Quantity))
                    .col(text(Bookings::Status))
                    .col(text_null(Bookings::IdempotencyKey))
                    .col(timestamp_with_time_zone(Bookings::CreatedAt))
                    .col(timestamp_with_time_zone_null(Bookings::CancelledAt))
                    .check((
                        "bookings_quantity",
                        Expr::col(Bookings::Quantity)
                            .gte(1)
                            .and(Expr::col(Bookings::Quantity).lte(10)),
                    ))
                    .check(("bookings_status", status_fits_cancelled_at))
                    .foreign_key(
                        ForeignKey::create()
                            .from(Bookings::Table, Bookings::EventId)
                            .to(Events::Table, Events::Id)
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from(Bookings::Table, Bookings::UserId)
                            .to(Users::Table, Users::Id)
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .to_owned(),
            )
            .await?;

        // A user has at most one confirmed booking of an event, and any number of cancelled ones.
        manager
            .create_index(
                Index::create()
                    .name("bookings_one_confirmed")
                    .table(Bookings::Table)
                    .col(Bookings::UserId)
                    .col(Bookings::EventId)
                    .unique()
                    .and_where(confirmed())
                    .to_owned(),
            )
            .await?;
        // NULLs are distinct on both engines, so bookings without a key do not collide.
        manager
            .create_index(
                Index::create()
                    .name("bookings_idempotency_key")
                    .table(Bookings::Table)
                    .col(Bookings::UserId)
                    .col(Bookings::IdempotencyKey)
                    .unique()
                    .to_owned(),
            )
            .await?;
        // For a user's bookings, newest first.
        manager
            .create_index(
                Index::create()
                    .name("bookings_by_user")
                    .table(Bookings::Table)
                    .col(Bookings::UserId)
                    .col(Bookings::Id)
                    .to_owned(),
            )
            .await?;
        // For the audit's sum of one event, and for the foreign key.
        manager
            .create_index(
                Index::create()
                    .name("bookings_by_event")
                    .table(Bookings::Table)
                    .col(Bookings::EventId)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Bookings::Table).to_owned()).await
    }
}
