//! Gives prices to the bookings from before, and an index to the lists of an event's bookings. On
//! PostgreSQL, it also checks the rows from before by the rules of the migrations before, and makes
//! their indexes. It reads and writes whole tables, a few rows at a time, and bookings go on
//! meanwhile. It can be repeated.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{
        ConnectionTrait, DbBackend, RuntimeErr, Statement,
        sqlx::{self, AssertSqlSafe, Executor},
    },
};

use crate::m20261127_000012_organizers::{EVENT_INDEXES, validations_on_postgres};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Number of bookings that one statement gives prices to. Their cancellations wait for it.
const BATCH: i64 = 1_000;

/// The condition holds for every booking. Only statements that repeat it use the index. So the
/// search for the one booking that a user has of an event never reads all of the event's.
const INDEX: (&str, &str, &str) =
    ("", "bookings_of_event", "ON bookings (event_id, id) WHERE quantity > 0");

/// Gives prices to the first bookings after `$1` that have none, and returns the last id.
const FILL_ON_POSTGRES: &str = "\
    WITH unpriced AS (SELECT id, event_id FROM bookings WHERE id > $1::uuid \
        AND (unit_price_minor IS NULL OR currency IS NULL) ORDER BY id LIMIT $2 \
        FOR NO KEY UPDATE{skip_locked}), \
    priced AS (UPDATE bookings SET unit_price_minor = events.price_minor, \
        currency = events.currency FROM unpriced JOIN events ON events.id = unpriced.event_id \
        WHERE bookings.id = unpriced.id RETURNING bookings.id) \
    SELECT id::text FROM priced ORDER BY priced.id DESC LIMIT 1";

/// Statements that check the rows from before, once all have prices.
fn checks_on_postgres() -> Vec<String> {
    let mut statements = [
        "ALTER TABLE bookings DROP CONSTRAINT IF EXISTS bookings_price",
        // New rows have prices by a trigger.
        "ALTER TABLE bookings ADD CONSTRAINT bookings_price \
         CHECK (unit_price_minor IS NOT NULL AND currency IS NOT NULL) NOT VALID",
        "ALTER TABLE bookings VALIDATE CONSTRAINT bookings_price",
        "ALTER TABLE bookings VALIDATE CONSTRAINT bookings_cancellation",
    ]
    .map(str::to_owned)
    .to_vec();
    statements.extend(validations_on_postgres());
    statements
}

async fn fill_on_postgres(
    db: &SchemaManagerConnection<'_>,
    skip_locked: &str,
    batch: i64,
) -> Result<(), DbErr> {
    let sql = FILL_ON_POSTGRES.replace("{skip_locked}", skip_locked);
    let mut last = "00000000-0000-0000-0000-000000000000".to_owned();
    loop {
        let values = [last.as_str().into(), batch.into()];
        let fill = Statement::from_sql_and_values(DbBackend::Postgres, &sql, values);
        let Some(row) = db.query_one_raw(fill).await? else { return Ok(()) };
        last = row.try_get_by_index(0)?;
    }
}

/// Makes indexes without keeping anybody from writing: `(unique, name, on)`. Each waits for the
/// transactions that are open, such as a backup, however long these take: nobody waits for it
/// meanwhile.
pub(crate) async fn index_on_postgres(
    db: &SchemaManagerConnection<'_>,
    indexes: &[(&str, &str, String)],
) -> Result<(), DbErr> {
    // An attempt that failed leaves an index that is not valid.
    let statements = indexes.iter().flat_map(|(unique, name, on)| {
        [
            format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"),
            format!("CREATE {unique} INDEX CONCURRENTLY {name} {on}"),
        ]
    });
    run_one_by_one(db, &statements.collect::<Vec<_>>()).await
}

/// Runs statements that can't be part of a transaction, however long each waits.
pub(crate) async fn run_one_by_one(
    db: &SchemaManagerConnection<'_>,
    statements: &[String],
) -> Result<(), DbErr> {
    let SchemaManagerConnection::Connection(db) = db else {
        return Err(DbErr::Migration("an index is made outside of a transaction".to_owned()));
    };
    let failed = |error: sqlx::Error| DbErr::Exec(RuntimeErr::SqlxError(error.into()));
    let pool = db.get_postgres_connection_pool();
    // The setting must not outlive this, so the pool does not get the connection back.
    let mut connection = pool.acquire().await.map_err(failed)?.detach();
    connection.execute("SET lock_timeout = 0").await.map_err(failed)?;
    for sql in statements {
        let sql = AssertSqlSafe(sql.as_str());
        connection.execute(sqlx::raw_sql(sql)).await.map_err(failed)?;
    }
    Ok(())
}

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
            let (_, name, on) = INDEX;
            let index = format!("CREATE INDEX IF NOT EXISTS {name} {on}");
            return db.execute_unprepared(&index).await.map(drop);
        }
        // A batch that waited for a booking while it holds others could block a transaction that
        // cancels them in another order. So what is locked is left for the end, one at a time.
        fill_on_postgres(db, " SKIP LOCKED", BATCH).await?;
        fill_on_postgres(db, "", 1).await?;
        for statement in checks_on_postgres() {
            db.execute_unprepared(&statement).await?;
        }
        let indexes = [INDEX].into_iter().chain(EVENT_INDEXES);
        let indexes: Vec<_> =
            indexes.map(|(unique, name, on)| (unique, name, on.to_owned())).collect();
        index_on_postgres(db, &indexes).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("DROP INDEX IF EXISTS bookings_of_event").await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared("ALTER TABLE bookings DROP CONSTRAINT IF EXISTS bookings_price")
                .await?;
            for (_, name, _) in EVENT_INDEXES {
                db.execute_unprepared(&format!("DROP INDEX IF EXISTS {name}")).await?;
            }
        }
        Ok(())
    }
}
