//! Adds a trigram index over titles on SQLite. PostgreSQL has had one from the first migrations.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The index has a copy of each title, because the row numbers of `events` may change, so it can't
/// refer to them.
pub(crate) const UP: [&str; 5] = [
    "CREATE VIRTUAL TABLE event_titles \
     USING fts5 (title_key, event_id UNINDEXED, tokenize = 'trigram case_sensitive 1')",
    "INSERT INTO event_titles (title_key, event_id) SELECT title_key, id FROM events",
    "CREATE TRIGGER event_titles_insert AFTER INSERT ON events BEGIN \
     INSERT INTO event_titles (title_key, event_id) VALUES (new.title_key, new.id); END",
    "CREATE TRIGGER event_titles_update AFTER UPDATE OF id, title_key ON events BEGIN \
     UPDATE event_titles SET title_key = new.title_key, event_id = new.id \
     WHERE event_id = old.id; END",
    "CREATE TRIGGER event_titles_delete AFTER DELETE ON events BEGIN \
     DELETE FROM event_titles WHERE event_id = old.id; END",
];

pub(crate) const DOWN: [&str; 4] = [
    "DROP TRIGGER event_titles_delete",
    "DROP TRIGGER event_titles_update",
    "DROP TRIGGER event_titles_insert",
    "DROP TABLE event_titles",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on_sqlite(manager, &UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on_sqlite(manager, &DOWN).await
    }
}

pub(crate) async fn on_sqlite(
    manager: &SchemaManager<'_>,
    statements: &[&str],
) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Sqlite {
        for statement in statements {
            manager.get_connection().execute_unprepared(statement).await?;
        }
    }
    Ok(())
}
