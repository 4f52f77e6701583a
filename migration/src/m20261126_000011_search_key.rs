//! Adds the text that searches look in: an event's title and venue, folded so that case and
//! composition make no difference, and an index over its pieces.
//!
//! No function folds alike on both engines, so Rowlock does it. The database takes the text away
//! whenever another program writes a title or a venue, and Rowlock then makes it anew. The indexes
//! over titles alone stay, because servers of the previous version still use them.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

use crate::{m20261101_000002_events::ensure_trigrams, m20261126_000006_counts::IS_OTHER_PROGRAM};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Trigrams find words of three letters or more. Some languages have many words of one or two, so
/// these have an index of their own, over all pieces of that length. It also serves words of signs
/// and of letters that the database's locale does not know, which have no trigrams.
const UP_ON_POSTGRES: [&str; 5] = [
    "ALTER TABLE events ADD COLUMN search_key text COLLATE \"C\"",
    "CREATE FUNCTION events_short_pieces(key text) RETURNS text[] LANGUAGE plpgsql \
     IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
DECLARE
    letters text[] := string_to_array(key, NULL);
    pieces text[] := letters;
    size integer := cardinality(letters);
BEGIN
    FOR place IN 2 .. size LOOP
        pieces[size + place - 1] := letters[place - 1] || letters[place];
    END LOOP;
    RETURN pieces;
END $$",
    "CREATE INDEX events_by_short_piece ON events USING gin (events_short_pieces(search_key))",
    "CREATE INDEX events_without_search_key ON events (id) WHERE search_key IS NULL",
    "CREATE FUNCTION events_forget_search_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.title <> OLD.title OR NEW.venue <> OLD.venue
        OR NEW.title_key <> OLD.title_key THEN
        NEW.search_key := NULL;
    END IF;
    RETURN NEW;
END $$",
];

const DOWN_ON_POSTGRES: [&str; 3] = [
    "DROP FUNCTION events_forget_search_key CASCADE",
    "ALTER TABLE events DROP COLUMN search_key",
    "DROP FUNCTION events_short_pieces",
];

/// The index has all pieces of one, two and three letters, as words that Rowlock writes. It has no
/// copy of them, so a row can't be taken out. A row that no event refers to is found by nobody.
const UP_ON_SQLITE: [&str; 7] = [
    "ALTER TABLE events ADD COLUMN search_key text",
    "ALTER TABLE events ADD COLUMN search_row integer",
    "CREATE VIRTUAL TABLE event_pieces \
     USING fts5 (pieces, content = '', detail = none, tokenize = 'ascii')",
    "CREATE INDEX events_by_search_row ON events (search_row)",
    "CREATE INDEX events_without_search_key ON events (id) WHERE search_key IS NULL",
    "CREATE TRIGGER events_new_texts AFTER INSERT ON events WHEN new.search_key IS NOT NULL BEGIN \
     UPDATE events SET search_key = NULL, search_row = NULL WHERE id = new.id; END",
    "CREATE TRIGGER events_other_texts AFTER UPDATE OF title, venue, title_key ON events \
     WHEN new.title <> old.title OR new.venue <> old.venue \
     OR new.title_key <> old.title_key AND new.search_key IS old.search_key BEGIN \
     UPDATE events SET search_key = NULL, search_row = NULL WHERE id = new.id; END",
];

const DOWN_ON_SQLITE: [&str; 7] = [
    "DROP TRIGGER events_other_texts",
    "DROP TRIGGER events_new_texts",
    "DROP INDEX events_without_search_key",
    "DROP INDEX events_by_search_row",
    "DROP TABLE event_pieces",
    "ALTER TABLE events DROP COLUMN search_row",
    "ALTER TABLE events DROP COLUMN search_key",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing, with the record that it was made.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if manager.get_database_backend() != DbBackend::Postgres {
            return execute(db, &UP_ON_SQLITE).await;
        }
        execute(db, &UP_ON_POSTGRES).await?;
        // A trigger that names columns would keep their types from being changed.
        let trigger = format!(
            "CREATE TRIGGER events_other_texts BEFORE INSERT OR UPDATE ON events FOR EACH ROW \
             WHEN ({IS_OTHER_PROGRAM}) EXECUTE FUNCTION events_forget_search_key()"
        );
        db.execute_unprepared(&trigger).await?;
        let schema = ensure_trigrams(db).await?;
        let sql = format!(
            "CREATE INDEX events_by_search_trigram ON events \
             USING gin (search_key {schema}.gin_trgm_ops)"
        );
        db.execute_unprepared(&sql).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        match manager.get_database_backend() {
            DbBackend::Postgres => execute(db, &DOWN_ON_POSTGRES).await,
            _ => execute(db, &DOWN_ON_SQLITE).await,
        }
    }
}

async fn execute(db: &impl ConnectionTrait, statements: &[&str]) -> Result<(), DbErr> {
    for statement in statements {
        db.execute_unprepared(statement).await?;
    }
    Ok(())
}
