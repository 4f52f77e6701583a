//! Takes away SQLite's index over titles alone. Nothing searches it since there is one over all texts.
//! Its copy of the titles has no order by event, so each edit of an event read all of it.
//!
//! A SQLite database has one server, which is stopped while it is migrated. So no server of the
//! previous version looks for the table.

use sea_orm_migration::prelude::*;

use crate::m20261124_000005_title_search::{DOWN, UP, on_sqlite};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on_sqlite(manager, &DOWN).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on_sqlite(manager, &UP).await
    }
}
