//! Gives prices to the bookings from before, and an index to the lists of an event's bookings. It
//! writes many rows, a few at a time, so that people can book meanwhile. It can be repeated.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend, Statement},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Number of bookings that one statement gives prices to.
const BATCH: u32 = 5_000;

/// The condition holds for every booking. Only statements that repeat it use the index. So the
/// search for the one booking that a user has of an event never reads all of the event's.
const INDEX: &str = "bookings_of_event ON bookings (event_id, id) WHERE quantity > 0";

/// Gives prices to the first bookings after `$1` that have none, and returns the last id.
const FILL_ON_POSTGRES: &str = "\
    WITH unpriced AS (SELECT id, event_id FROM bookings WHERE id > $1::uuid \
        AND (unit_price_minor IS NULL OR currency IS NULL) ORDER BY id LIMIT $2 \
        FOR NO KEY UPDATE), \
    priced AS (UPDATE bookings SET unit_price_minor = events.price_minor, \
        currency = events.currency FROM unpriced JOIN events ON events.id = unpriced.event_id \
        WHERE bookings.id = unpriced.id RETURNING bookings.id) \
    SELECT id::text FROM priced ORDER BY priced.id DESC LIMIT 1";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // In a transaction, locks would be kept until the last booking is written.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if manager.get_database_backend() != DbBackend::Postgres {
            // SQLite has one writer and one server, which migrates before it serves.
            db.execute_unprepared(
                "UPDATE bookings SET \
                 unit_price_minor = (SELECT price_minor FROM events WHERE id = event_id), \
                 currency = (SELECT currency FROM events WHERE id = event_id) \
                 WHERE unit_price_minor IS NULL OR currency IS NULL",
            )
            .await?;
            return db
                .execute_unprepared(&format!("CREATE INDEX IF NOT EXISTS {INDEX}"))
                .await
                .map(drop);
        }
        let mut last = "00000000-0000-0000-0000-000000000000".to_owned();
        loop {
            let values = [last.as_str().into(), i64::from(BATCH).into()];
            let fill =
                Statement::from_sql_and_values(DbBackend::Postgres, FILL_ON_POSTGRES, values);
            let Some(row) = db.query_one_raw(fill).await? else { break };
            last = row.try_get_by_index(0)?;
        }
        for statement in [
            // New rows have prices by a trigger.
            "ALTER TABLE bookings DROP CONSTRAINT IF EXISTS bookings_price",
            "ALTER TABLE bookings ADD CONSTRAINT bookings_price \
             CHECK (unit_price_minor IS NOT NULL AND currency IS NOT NULL) NOT VALID",
            "ALTER TABLE bookings VALIDATE CONSTRAINT bookings_price",
            "ALTER TABLE bookings VALIDATE CONSTRAINT bookings_cancellation",
            // An attempt that failed leaves an index that is not valid.
            "DROP INDEX CONCURRENTLY IF EXISTS bookings_of_event",
        ] {
            db.execute_unprepared(statement).await?;
        }
        db.execute_unprepared(&format!("CREATE INDEX CONCURRENTLY {INDEX}")).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("DROP INDEX IF EXISTS bookings_of_event").await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared("ALTER TABLE bookings DROP CONSTRAINT IF EXISTS bookings_price")
                .await?;
        }
        Ok(())
    }
}
