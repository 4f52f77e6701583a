//! The tables of the events' pictures. They are apart from `events`, so that no booking reads them.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP_ON_POSTGRES: [&str; 3] = [
    "CREATE TABLE covers (event_id uuid PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE, \
     hash uuid NOT NULL UNIQUE, alt text NOT NULL, \
     CONSTRAINT covers_alt CHECK (length(alt) BETWEEN 1 AND 300))",
    "CREATE TABLE cover_variants (hash uuid NOT NULL REFERENCES covers (hash) ON DELETE CASCADE, \
     width integer NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (hash, width), \
     CONSTRAINT cover_variants_size CHECK (width BETWEEN 1 AND 10000 \
     AND length(bytes) BETWEEN 1 AND 10000000))",
    // JPEG can't be compressed any further.
    "ALTER TABLE cover_variants ALTER COLUMN bytes SET STORAGE EXTERNAL",
];

const UP_ON_SQLITE: [&str; 2] = [
    "CREATE TABLE covers (event_id blob NOT NULL PRIMARY KEY \
     REFERENCES events (id) ON DELETE CASCADE, hash blob NOT NULL UNIQUE, alt text NOT NULL, \
     CHECK (typeof(event_id) = 'blob' AND length(event_id) = 16 AND typeof(hash) = 'blob' \
     AND length(hash) = 16 AND typeof(alt) = 'text' AND length(alt) BETWEEN 1 AND 300 \
     AND instr(alt, char(0)) = 0))",
    "CREATE TABLE cover_variants (hash blob NOT NULL REFERENCES covers (hash) ON DELETE CASCADE, \
     width integer NOT NULL, bytes blob NOT NULL, PRIMARY KEY (hash, width), \
     CHECK (typeof(hash) = 'blob' AND length(hash) = 16 AND typeof(width) = 'integer' \
     AND width BETWEEN 1 AND 10000 AND typeof(bytes) = 'blob' \
     AND length(bytes) BETWEEN 1 AND 10000000))",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing, with the record that it was made.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = match manager.get_database_backend() {
            DbBackend::Postgres => &UP_ON_POSTGRES[..],
            _ => &UP_ON_SQLITE,
        };
        for statement in statements {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["cover_variants", "covers"] {
            manager.get_connection().execute_unprepared(&format!("DROP TABLE {table}")).await?;
        }
        Ok(())
    }
}
