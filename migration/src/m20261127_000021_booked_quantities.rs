//! How many tickets a booking had at first, for bookings whose number of tickets was changed. A
//! repeated request is compared with this number.
//!
//! The column is null for all others, so the statement that makes a booking does not set it. On
//! PostgreSQL, no row is read: those that are there have nulls, which satisfy the constraint.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::m20261126_000008_readable_rows::Rule;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP_ON_POSTGRES: [&str; 1] = ["ALTER TABLE bookings ADD COLUMN booked_quantity integer, \
     ADD CONSTRAINT bookings_booked_quantity CHECK (booked_quantity BETWEEN 1 AND 10) NOT VALID"];

const RULE_ON_SQLITE: Rule = Rule {
    name: "bookings_booked_quantity",
    table: "bookings",
    columns: "booked_quantity",
    condition: "@booked_quantity IS NULL \
                OR typeof(@booked_quantity) = 'integer' AND @booked_quantity BETWEEN 1 AND 10",
    problem: "booked_quantity is 1 to 10, or null",
};

const DOWN_ON_SQLITE: [&str; 2] = [
    "DROP TRIGGER bookings_booked_quantity_insert",
    "DROP TRIGGER bookings_booked_quantity_update",
];

fn up_on_sqlite() -> Vec<String> {
    let column = "ALTER TABLE bookings ADD COLUMN booked_quantity integer".to_owned();
    [column].into_iter().chain(RULE_ON_SQLITE.triggers_on_sqlite()).collect()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing, with the record that it was made.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = match manager.get_database_backend() {
            DbBackend::Postgres => UP_ON_POSTGRES.map(str::to_owned).to_vec(),
            _ => up_on_sqlite(),
        };
        for statement in statements {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let triggers = match manager.get_database_backend() {
            DbBackend::Postgres => &[][..],
            _ => &DOWN_ON_SQLITE,
        };
        for statement in
            triggers.iter().chain(&["ALTER TABLE bookings DROP COLUMN booked_quantity"])
        {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
