//! Checks on PostgreSQL that rows from before satisfy the rules of the migration before the last. It
//! reads whole tables, and bookings go on meanwhile. It can be repeated.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::m20261126_000008_readable_rows::validations_on_postgres;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // In a transaction, each table's lock would be kept until the last one is read.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            for statement in validations_on_postgres() {
                manager.get_connection().execute_unprepared(&statement).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
