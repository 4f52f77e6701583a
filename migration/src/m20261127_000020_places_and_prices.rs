//! Adds the indexes by which lists find the events of a city and those that are free.
//!
//! The key of a city is the third line of `search_key`, so no row is written. A key from before
//! there were cities has two lines, and its event has no city. On PostgreSQL, the indexes are made
//! without keeping anybody from writing.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend, Statement},
};

use crate::m20261127_000015_bookings_of_events::index_on_postgres;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The column on SQLite, which has no function for the lines of a text.
const CITY_KEY_ON_SQLITE: &str = "\
    CASE instr(substr(search_key, instr(search_key, char(10)) + 1), char(10)) WHEN 0 THEN '' \
    ELSE substr(substr(search_key, instr(search_key, char(10)) + 1), \
    instr(substr(search_key, instr(search_key, char(10)) + 1), char(10)) + 1) END";

/// `table_info`, by which the migrator looks for columns, leaves out those that are computed.
const FIND_CITY_KEY_ON_SQLITE: &str =
    "SELECT name FROM pragma_table_xinfo('events') WHERE name = 'city_key'";

/// The indexes, with what follows `CREATE` and `INDEX`. The price in the second one lets SQLite
/// prefer it to the index of all published events.
fn indexes(city_key: &str) -> [(&'static str, &'static str, String); 2] {
    [
        (
            "",
            "events_by_city",
            format!("ON events ({city_key}, starts_at, id) WHERE status = 'PUBLISHED'"),
        ),
        (
            "",
            "events_free",
            "ON events (price_minor, starts_at, id) WHERE status = 'PUBLISHED' AND price_minor = 0"
                .to_owned(),
        ),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // PostgreSQL makes no index beside writers in a transaction.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            let indexes = indexes("split_part(search_key, chr(10), 3)");
            return index_on_postgres(db, &indexes).await;
        }
        // An attempt that failed later may have made it.
        let found = Statement::from_string(DbBackend::Sqlite, FIND_CITY_KEY_ON_SQLITE);
        if db.query_one_raw(found).await?.is_none() {
            db.execute_unprepared(&format!(
                "ALTER TABLE events ADD COLUMN city_key text \
                 GENERATED ALWAYS AS ({CITY_KEY_ON_SQLITE}) VIRTUAL"
            ))
            .await?;
        }
        for (_, name, on) in indexes("city_key") {
            db.execute_unprepared(&format!("CREATE INDEX IF NOT EXISTS {name} {on}")).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for name in ["events_by_city", "events_free"] {
            db.execute_unprepared(&format!("DROP INDEX IF EXISTS {name}")).await?;
        }
        if manager.get_database_backend() == DbBackend::Sqlite {
            db.execute_unprepared("ALTER TABLE events DROP COLUMN city_key").await?;
        }
        Ok(())
    }
}
