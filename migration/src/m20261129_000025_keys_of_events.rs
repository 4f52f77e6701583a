//! Makes an idempotency key unique for a user and an event, in place of a user alone. So all that a
//! booking is compared with belongs to its event, and the table could be divided by event.
//!
//! Servers of the version before look for a key without its event. The index begins with the columns
//! that they ask for.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend, Statement},
};

use crate::{
    m20261124_000004_lean_booking_indexes::by_key_if_given,
    m20261126_000006_counts::{REPLACED_BOOKING, REPLACED_BY_UPDATE},
    m20261127_000015_bookings_of_events::{index_on_postgres, run_one_by_one},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const BY_USER: &str = "bookings_idempotency_key";
const ON_USER: &str = "ON bookings (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL";
const BY_EVENT: &str = "bookings_key_of_event";
const ON_EVENT: &str =
    "ON bookings (user_id, idempotency_key, event_id) WHERE idempotency_key IS NOT NULL";

/// `OR REPLACE` deletes the row that it replaces without a trigger, so these refuse it.
const REPLACED_BOOKING_OF_EVENT: &str = "CREATE TRIGGER bookings_replace BEFORE INSERT ON bookings \
     WHEN NOT EXISTS (SELECT 1 FROM count_keeping) AND EXISTS (SELECT 1 FROM bookings \
     WHERE id = new.id OR user_id = new.user_id AND event_id = new.event_id \
     AND (idempotency_key = new.idempotency_key \
     OR status = 'CONFIRMED' AND new.status = 'CONFIRMED')) BEGIN \
     SELECT RAISE(ABORT, 'there is such a booking; change it by UPDATE'); END";
const REPLACED_BY_UPDATE_OF_EVENT: &str = "CREATE TRIGGER bookings_update_replace \
     BEFORE UPDATE OF id, user_id, event_id, status, idempotency_key ON bookings \
     WHEN NOT EXISTS (SELECT 1 FROM count_keeping) AND EXISTS (SELECT 1 FROM bookings \
     WHERE id <> old.id AND (id = new.id OR user_id = new.user_id AND event_id = new.event_id \
     AND (idempotency_key = new.idempotency_key \
     OR status = 'CONFIRMED' AND new.status = 'CONFIRMED'))) BEGIN \
     SELECT RAISE(ABORT, 'there is such a booking already'); END";

const DROP_TRIGGERS: [&str; 2] =
    ["DROP TRIGGER IF EXISTS bookings_replace", "DROP TRIGGER IF EXISTS bookings_update_replace"];

/// Makes one index, and then removes the other one.
async fn replace_on_postgres(
    manager: &SchemaManager<'_>,
    other: &str,
    name: &str,
    on: &str,
) -> Result<(), DbErr> {
    let db = manager.get_connection();
    index_on_postgres(db, &[("UNIQUE", name, on.to_owned())]).await?;
    run_one_by_one(db, &[format!("DROP INDEX CONCURRENTLY IF EXISTS {other}")]).await
}

pub(crate) async fn run(
    manager: &SchemaManager<'_>,
    statements: &[impl AsRef<str>],
) -> Result<(), DbErr> {
    for statement in statements {
        manager.get_connection().execute_unprepared(statement.as_ref()).await?;
    }
    Ok(())
}

/// # Errors
/// When a user has used one key for two events, which the index of before does not allow.
async fn refuse_shared_keys(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM bookings WHERE idempotency_key IS NOT NULL \
               GROUP BY user_id, idempotency_key HAVING count(*) > 1) AS shared";
    let statement = Statement::from_string(manager.get_database_backend(), sql);
    let row = manager.get_connection().query_one_raw(statement).await?;
    let shared: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
    match shared {
        0 => Ok(()),
        _ => Err(DbErr::Migration(format!(
            "{shared} idempotency keys belong to several bookings of a user, which the version \
             before does not allow: set idempotency_key to NULL in all but one of them"
        ))),
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // Indexes are made without keeping anybody from writing, which takes several transactions.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            return replace_on_postgres(manager, BY_USER, BY_EVENT, ON_EVENT).await;
        }
        let create = format!("CREATE UNIQUE INDEX IF NOT EXISTS {BY_EVENT} {ON_EVENT}");
        let drop = format!("DROP INDEX IF EXISTS {BY_USER}");
        run(manager, &[&create, &drop]).await?;
        run(manager, &DROP_TRIGGERS).await?;
        run(manager, &[REPLACED_BOOKING_OF_EVENT, REPLACED_BY_UPDATE_OF_EVENT]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        refuse_shared_keys(manager).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            return replace_on_postgres(manager, BY_EVENT, BY_USER, ON_USER).await;
        }
        manager.create_index(by_key_if_given().if_not_exists().to_owned()).await?;
        run(manager, &[&format!("DROP INDEX IF EXISTS {BY_EVENT}")]).await?;
        run(manager, &DROP_TRIGGERS).await?;
        run(manager, &[REPLACED_BOOKING, REPLACED_BY_UPDATE]).await
    }
}
