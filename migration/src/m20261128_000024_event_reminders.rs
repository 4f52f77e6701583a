//! The table of reminders: which events people were reminded of, at which start.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::m20261126_000008_readable_rows::TIME_ON_POSTGRES;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP_ON_SQLITE: &str = "CREATE TABLE event_reminders (\
     event_id blob NOT NULL REFERENCES events (id) ON DELETE CASCADE, starts_at text NOT NULL, \
     created_at text NOT NULL, PRIMARY KEY (event_id, starts_at), \
     CHECK (typeof(event_id) = 'blob' AND length(event_id) = 16 AND typeof(starts_at) = 'text' \
     AND typeof(created_at) = 'text'))";

fn up_on_postgres() -> String {
    let [starts_at, created_at] =
        ["starts_at", "created_at"].map(|column| TIME_ON_POSTGRES.replace('@', column));
    format!(
        "CREATE TABLE event_reminders (\
         event_id uuid NOT NULL REFERENCES events (id) ON DELETE CASCADE, \
         starts_at timestamptz NOT NULL, created_at timestamptz NOT NULL, \
         PRIMARY KEY (event_id, starts_at), CHECK ({starts_at}), CHECK ({created_at}))"
    )
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing, with the record that it was made.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statement = match manager.get_database_backend() {
            DbBackend::Postgres => up_on_postgres(),
            _ => UP_ON_SQLITE.to_owned(),
        };
        manager.get_connection().execute_unprepared(&statement).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP TABLE event_reminders").await.map(drop)
    }
}
