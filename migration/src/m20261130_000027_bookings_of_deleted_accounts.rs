//! Refuses new bookings of accounts that were deleted. Their access tokens are good for some minutes
//! more, and their rows stay, because former bookings refer to them.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::m20261129_000025_keys_of_events::run;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const HAS_ACCOUNT: &str = " AND deleted_at IS NULL";

/// The check of the users of a statement's new bookings. A deletion writes another email, which is a
/// key. So a booking waits for a deletion that is under way, and then sees that the account is gone;
/// and a deletion waits for a booking, and then cancels it.
fn check_on_postgres(condition: &str) -> [String; 2] {
    [
        format!(
            "CREATE OR REPLACE FUNCTION bookings_users_of_new() RETURNS trigger LANGUAGE plpgsql \
             SECURITY DEFINER AS $$
DECLARE
    missing uuid;
BEGIN
    SELECT asked.id INTO missing FROM (SELECT DISTINCT user_id AS id FROM new_rows) AS asked
        LEFT JOIN LATERAL (SELECT 1 AS is_there FROM ONLY users WHERE id = asked.id{condition}
            FOR KEY SHARE) AS found ON true
        WHERE found.is_there IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a booking has the user_id %, which is not in users', missing
            USING ERRCODE = 'foreign_key_violation', TABLE = 'bookings', COLUMN = 'user_id',
            HINT = 'The user may have deleted the account.';
    END IF;
    RETURN NULL;
END $$"
        ),
        // A function that is replaced forgets its settings. See the checks of bookings.
        "DO $$ BEGIN EXECUTE format('ALTER FUNCTION bookings_users_of_new() SET search_path = %I, \
         pg_temp', current_schema()); END $$"
            .to_owned(),
    ]
}

const CHECK_ON_SQLITE: &str = "CREATE TRIGGER bookings_of_deleted BEFORE INSERT ON bookings \
     WHEN EXISTS (SELECT 1 FROM users WHERE id = new.user_id AND deleted_at IS NOT NULL) BEGIN \
     SELECT RAISE(ABORT, 'a booking has the user_id of an account that was deleted'); END";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing, with the record that it was made.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match manager.get_database_backend() {
            DbBackend::Postgres => run(manager, &check_on_postgres(HAS_ACCOUNT)).await,
            _ => run(manager, &[CHECK_ON_SQLITE]).await,
        }
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match manager.get_database_backend() {
            DbBackend::Postgres => run(manager, &check_on_postgres("")).await,
            _ => run(manager, &["DROP TRIGGER bookings_of_deleted"]).await,
        }
    }
}
