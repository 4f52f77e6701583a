//! What a booking cost, and who cancelled it.
//!
//! A booking that is inserted without a price, as by a server of the previous version, gets the
//! event's. Whoever inserts one so does not know that events may be drafts or cancelled, so the
//! database refuses to book these. The next migrations give prices to the bookings that are there.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

use crate::{
    m20261126_000008_readable_rows::Rule, m20261127_000012_organizers::refuse_hidden_events,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const RULES: [Rule; 1] = [Rule {
    name: "bookings_cancellation",
    table: "bookings",
    columns: "unit_price_minor, currency, cancelled_by, cancellation_reason",
    condition: "(@cancelled_by IS NULL \
                OR @cancelled_by IN ('BUYER', 'ORGANIZER') AND @cancelled_at IS NOT NULL) \
                AND coalesce(length(@cancellation_reason), 0) <= 2000 \
                AND coalesce(@unit_price_minor, 0) >= 0 AND coalesce(length(@currency), 3) = 3",
    problem: "cancelled_by is BUYER or ORGANIZER once cancelled_at is set, cancellation_reason has \
              up to 2000 characters, and unit_price_minor is not negative",
}];

fn up_on_postgres() -> Vec<String> {
    let mut statements = vec![
        "ALTER TABLE bookings ADD COLUMN unit_price_minor bigint, ADD COLUMN currency text, \
         ADD COLUMN cancelled_by text, ADD COLUMN cancellation_reason text"
            .to_owned(),
        "CREATE FUNCTION bookings_take_price() RETURNS trigger LANGUAGE plpgsql \
         SET search_path FROM CURRENT AS $$
DECLARE
    state text;
BEGIN
    SELECT price_minor, currency, status INTO NEW.unit_price_minor, NEW.currency, state
        FROM events WHERE id = NEW.event_id;
    IF state <> 'PUBLISHED' AND NEW.status = 'CONFIRMED' THEN
        RAISE EXCEPTION 'event % is not published', NEW.event_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$"
            .to_owned(),
        "CREATE TRIGGER bookings_without_price BEFORE INSERT ON bookings FOR EACH ROW \
         WHEN (NEW.unit_price_minor IS NULL OR NEW.currency IS NULL) \
         EXECUTE FUNCTION bookings_take_price()"
            .to_owned(),
    ];
    statements.extend(RULES.iter().map(|Rule { name, table, condition, .. }| {
        // Rows from before have nulls, which satisfy it.
        let condition = condition.replace('@', "");
        format!("ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    }));
    statements
}

const DOWN_ON_POSTGRES: [&str; 2] = [
    "DROP FUNCTION bookings_take_price CASCADE",
    "ALTER TABLE bookings DROP COLUMN unit_price_minor, DROP COLUMN currency, \
     DROP COLUMN cancelled_by, DROP COLUMN cancellation_reason",
];

fn up_on_sqlite() -> Vec<String> {
    let columns = [
        "unit_price_minor integer",
        "currency text",
        "cancelled_by text",
        "cancellation_reason text",
    ];
    let mut statements: Vec<String> =
        columns.map(|column| format!("ALTER TABLE bookings ADD COLUMN {column}")).into();
    statements.push(
        "CREATE TRIGGER bookings_without_price AFTER INSERT ON bookings \
         WHEN new.unit_price_minor IS NULL OR new.currency IS NULL BEGIN \
         SELECT RAISE(ABORT, 'the event is not published') FROM events WHERE id = new.event_id \
         AND status <> 'PUBLISHED' AND new.status = 'CONFIRMED'; \
         UPDATE bookings SET \
         unit_price_minor = (SELECT price_minor FROM events WHERE id = new.event_id), \
         currency = (SELECT currency FROM events WHERE id = new.event_id) WHERE id = new.id; END"
            .to_owned(),
    );
    // PostgreSQL refuses it by a constraint of migration 15.
    statements.push(
        "CREATE TRIGGER bookings_price AFTER UPDATE OF unit_price_minor, currency ON bookings \
         WHEN new.unit_price_minor IS NULL OR new.currency IS NULL BEGIN \
         SELECT RAISE(ABORT, 'bookings: unit_price_minor and currency are not null'); END"
            .to_owned(),
    );
    let types = Rule {
        name: "bookings_price_types",
        table: "bookings",
        columns: "unit_price_minor, currency, cancelled_by, cancellation_reason",
        condition: "typeof(@unit_price_minor) IN ('integer', 'null') \
                    AND typeof(@currency) IN ('text', 'null') \
                    AND typeof(@cancelled_by) IN ('text', 'null') \
                    AND typeof(@cancellation_reason) IN ('text', 'null') \
                    AND instr(coalesce(@cancellation_reason, ''), char(0)) = 0",
        problem: "unit_price_minor is an integer, and everything else is text without NUL",
    };
    for rule in RULES.iter().chain([&types]) {
        statements.extend(rule.triggers_on_sqlite());
    }
    statements
}

const DOWN_ON_SQLITE: [&str; 10] = [
    "DROP TRIGGER bookings_without_price",
    "DROP TRIGGER bookings_price",
    "DROP TRIGGER bookings_cancellation_insert",
    "DROP TRIGGER bookings_cancellation_update",
    "DROP TRIGGER bookings_price_types_insert",
    "DROP TRIGGER bookings_price_types_update",
    "ALTER TABLE bookings DROP COLUMN unit_price_minor",
    "ALTER TABLE bookings DROP COLUMN currency",
    "ALTER TABLE bookings DROP COLUMN cancelled_by",
    "ALTER TABLE bookings DROP COLUMN cancellation_reason",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing, with the record that it was made.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = match manager.get_database_backend() {
            DbBackend::Postgres => up_on_postgres(),
            _ => up_on_sqlite(),
        };
        for statement in statements {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        refuse_hidden_events(manager).await?;
        let statements: &[&str] = match manager.get_database_backend() {
            DbBackend::Postgres => &DOWN_ON_POSTGRES,
            _ => &DOWN_ON_SQLITE,
        };
        for statement in statements {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
