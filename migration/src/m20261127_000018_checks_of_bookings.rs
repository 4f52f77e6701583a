//! Makes a booking cheaper on PostgreSQL: what its statement need not check row by row is checked
//! once, or when it changes.
//!
//! Foreign keys look up the event and the user of each booking by a statement of their own.
//! Triggers look up all of a statement's together, and hold the same locks. They run as their
//! owner, as foreign keys do. A new count is written with each booking, and PostgreSQL would check
//! the texts and times of its event each time. A trigger checks these when they are edited.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::{
    m20261126_000006_counts::IS_OTHER_PROGRAM, m20261126_000008_readable_rows as readable_rows,
    m20261127_000012_organizers as organizers,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The locks that the migration needs, in the order in which transactions of running servers lock
/// the tables. So none of them waits for this migration while it waits for them.
const LOCK: &str = "LOCK TABLE events, bookings, users IN ACCESS EXCLUSIVE MODE";

/// What a booking refers to: the column, the table, and the foreign key that this replaces.
const REFERENCES: [(&str, &str, &str); 2] = [
    ("event_id", "events", "bookings_event_id_fkey"),
    ("user_id", "users", "bookings_user_id_fkey"),
];

/// Locks the rows that new bookings refer to, so that nobody deletes them before the transaction
/// ends. Each is looked up by itself: a join that was planned for small tables would read all of
/// them later.
const REFER: &str = "
CREATE FUNCTION bookings_{table}_of_new() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    missing uuid;
BEGIN
    SELECT asked.id INTO missing FROM (SELECT DISTINCT {column} AS id FROM new_rows) AS asked
        LEFT JOIN LATERAL (SELECT 1 AS is_there FROM ONLY {table} WHERE id = asked.id
            FOR KEY SHARE) AS found ON true
        WHERE found.is_there IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a booking has the {column} %, which is not in {table}', missing
            USING ERRCODE = 'foreign_key_violation', TABLE = 'bookings', COLUMN = '{column}';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION bookings_{table}_of_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM FROM ONLY {table} WHERE id = NEW.{column} FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a booking has the {column} %, which is not in {table}', NEW.{column}
            USING ERRCODE = 'foreign_key_violation', TABLE = 'bookings', COLUMN = '{column}';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION {table}_keep_booked() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- A statement of the other levels would not see bookings that were made since the transaction
    -- began.
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'rows of {table} can be deleted by READ COMMITTED transactions only'
            USING ERRCODE = 'feature_not_supported',
            HINT = 'Begin the transaction by BEGIN ISOLATION LEVEL READ COMMITTED.';
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM FROM bookings LIMIT 1;
    ELSE
        PERFORM FROM bookings WHERE {column} = OLD.id AND quantity > 0 LIMIT 1;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'there are bookings that need these rows of {table}'
            USING ERRCODE = 'foreign_key_violation', TABLE = '{table}';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER bookings_{table}_of_new AFTER INSERT ON bookings REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION bookings_{table}_of_new();
CREATE TRIGGER bookings_{table}_of_changed AFTER UPDATE ON bookings
    FOR EACH ROW WHEN (NEW.{column} IS DISTINCT FROM OLD.{column})
    EXECUTE FUNCTION bookings_{table}_of_changed();
CREATE TRIGGER {table}_deleted AFTER DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {table}_keep_booked();
CREATE TRIGGER {table}_other_id AFTER UPDATE ON {table}
    FOR EACH ROW WHEN (NEW.id <> OLD.id) EXECUTE FUNCTION {table}_keep_booked();
CREATE TRIGGER {table}_truncated AFTER TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_keep_booked();
";

/// The names of a table's functions. A dropped function takes its triggers with it.
fn functions(table: &str) -> [String; 3] {
    [
        format!("bookings_{table}_of_new"),
        format!("bookings_{table}_of_changed"),
        format!("{table}_keep_booked"),
    ]
}

fn references() -> Vec<String> {
    let mut statements = vec![LOCK.to_owned()];
    for (column, table, foreign_key) in REFERENCES {
        statements.push(REFER.replace("{column}", column).replace("{table}", table));
        // A temporary table of the caller must not stand for one of these, and nobody else may use the
        // functions, and the rights that they have, for tables of their own.
        statements.extend(
            functions(table)
                .map(|function| format!("REVOKE ALL ON FUNCTION {function}() FROM PUBLIC")),
        );
        statements.extend(functions(table).map(|function| {
            format!(
                "DO $$ BEGIN EXECUTE format('ALTER FUNCTION {function}() SET search_path = %I, \
                 pg_temp', current_schema()); END $$"
            )
        }));
        statements.push(format!("ALTER TABLE bookings DROP CONSTRAINT {foreign_key}"));
    }
    statements
}

/// The rules for values of events that no booking changes: name, condition, and message.
fn value_rules() -> Vec<(&'static str, String, &'static str)> {
    readable_rows::value_rules_of_events()
        .into_iter()
        .chain(organizers::value_rules_of_events())
        .collect()
}

fn values() -> Vec<String> {
    let rules = value_rules();
    let checks: String = rules
        .iter()
        .map(|(name, condition, problem)| {
            let problem = problem.replace('\'', "''");
            format!(
                "    IF ({}) IS FALSE THEN
        RAISE EXCEPTION 'events: {problem}'
            USING ERRCODE = 'check_violation', TABLE = 'events', CONSTRAINT = '{name}';
    END IF;\n",
                condition.replace('@', "NEW.")
            )
        })
        .collect();
    let mut statements = vec![
        format!(
            "CREATE FUNCTION events_check_values() RETURNS trigger LANGUAGE plpgsql \
             SET search_path = pg_catalog, pg_temp AS $$
BEGIN
{checks}    RETURN NULL;
END $$"
        ),
        "CREATE TRIGGER events_new_values AFTER INSERT ON events \
         FOR EACH ROW EXECUTE FUNCTION events_check_values()"
            .to_owned(),
        // Each edit by Rowlock raises the revision. What it writes most often is another count.
        format!(
            "CREATE TRIGGER events_edited_values AFTER UPDATE ON events FOR EACH ROW \
             WHEN (NEW.revision <> OLD.revision \
             OR NEW.remaining_tickets = OLD.remaining_tickets OR {IS_OTHER_PROGRAM}) \
             EXECUTE FUNCTION events_check_values()"
        ),
    ];
    statements.extend(
        rules.iter().map(|(name, ..)| format!("ALTER TABLE events DROP CONSTRAINT {name}")),
    );
    statements
}

fn down_on_postgres() -> Vec<String> {
    let mut statements = vec![LOCK.to_owned()];
    statements.extend(value_rules().into_iter().map(|(name, condition, _)| {
        let condition = condition.replace('@', "");
        format!("ALTER TABLE events ADD CONSTRAINT {name} CHECK ({condition})")
    }));
    statements.push("DROP FUNCTION events_check_values CASCADE".to_owned());
    for (column, table, foreign_key) in REFERENCES {
        statements.push(format!(
            "ALTER TABLE bookings ADD CONSTRAINT {foreign_key} FOREIGN KEY ({column}) \
             REFERENCES {table} (id) ON DELETE RESTRICT"
        ));
        statements
            .extend(functions(table).map(|function| format!("DROP FUNCTION {function} CASCADE")));
    }
    statements
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing, with the record that it was made.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite has its foreign keys, and its triggers run for the columns that a statement sets.
        if manager.get_database_backend() == DbBackend::Postgres {
            for statement in references().into_iter().chain(values()) {
                manager.get_connection().execute_unprepared(&statement).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            for statement in down_on_postgres() {
                manager.get_connection().execute_unprepared(&statement).await?;
            }
        }
        Ok(())
    }
}
