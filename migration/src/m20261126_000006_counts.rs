//! Keeps `total = remaining + sum of confirmed bookings` when programs other than Rowlock change
//! rows. The count follows the total and the bookings. What would sell more tickets than there are
//! is refused, and so is a count that matches neither.
//!
//! Rowlock computes counts itself, many bookings at a time, so it turns these triggers off: on
//! PostgreSQL by the setting `rowlock.keeps_counts` of its writing sessions, on SQLite by a row in
//! `count_keeping` for as long as a transaction writes. A server that does neither gets the same
//! counts, more slowly.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Holds if the session leaves counts to the database.
pub(crate) const IS_OTHER_PROGRAM: &str =
    "current_setting('rowlock.keeps_counts', true) IS DISTINCT FROM 'on'";

const POSTGRES_EVENTS: &str = "
CREATE FUNCTION events_check_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a new event has no bookings, so its remaining_tickets must be %',
        NEW.total_tickets USING ERRCODE = 'check_violation';
END $$;

CREATE FUNCTION events_keep_count() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    added bigint := NEW.total_tickets::bigint - OLD.total_tickets;
    booked bigint;
BEGIN
    IF NEW.remaining_tickets = OLD.remaining_tickets THEN
        booked := OLD.total_tickets::bigint - OLD.remaining_tickets;
        IF NEW.total_tickets < booked THEN
            RAISE EXCEPTION '% tickets of event % are booked, so total_tickets can''t be %',
                booked, OLD.id, NEW.total_tickets USING ERRCODE = 'check_violation';
        END IF;
        NEW.remaining_tickets := OLD.remaining_tickets + added;
    ELSIF NEW.remaining_tickets::bigint - OLD.remaining_tickets <> added THEN
        SELECT coalesce(sum(quantity), 0) INTO booked FROM bookings
            WHERE event_id = OLD.id AND status = 'CONFIRMED';
        IF NEW.total_tickets - booked <> NEW.remaining_tickets THEN
            RAISE EXCEPTION '% tickets of event % are booked, so remaining_tickets must be %',
                booked, OLD.id, NEW.total_tickets - booked
                USING ERRCODE = 'check_violation',
                HINT = 'Leave remaining_tickets out: it follows total_tickets and the bookings.';
        END IF;
    END IF;
    NEW.count_version := greatest(NEW.count_version, OLD.count_version + 1);
    RETURN NEW;
END $$;
";

/// Moves counts after a statement has changed bookings. `{taken}` selects the tickets that it took
/// from each event. Events are locked in the order of their ids, as Rowlock does it.
const POSTGRES_BOOKINGS: &str = "
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    change record;
BEGIN
    PERFORM set_config('rowlock.keeps_counts', 'on', true);
    FOR change IN SELECT event_id, sum(quantity) AS taken FROM ({taken}) AS changed
        GROUP BY event_id HAVING sum(quantity) <> 0 ORDER BY event_id
    LOOP
        UPDATE events SET remaining_tickets = remaining_tickets - change.taken,
            count_version = count_version + 1
            WHERE id = change.event_id AND remaining_tickets >= change.taken;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'event % has fewer than % tickets left', change.event_id, change.taken
                USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    PERFORM set_config('rowlock.keeps_counts', '', true);
    RETURN NULL;
END $$;
";

const TAKEN: &str = "SELECT event_id, quantity FROM new_rows WHERE status = 'CONFIRMED'";
const FREED: &str =
    "SELECT event_id, -quantity AS quantity FROM old_rows WHERE status = 'CONFIRMED'";

const POSTGRES_TRUNCATE: &str = "
CREATE FUNCTION bookings_truncated() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM set_config('rowlock.keeps_counts', 'on', true);
    UPDATE events SET remaining_tickets = total_tickets, count_version = count_version + 1
        WHERE remaining_tickets <> total_tickets;
    PERFORM set_config('rowlock.keeps_counts', '', true);
    RETURN NULL;
END $$;
";

fn up_on_postgres() -> Vec<String> {
    let on_bookings = |event: &str, tables: &str, taken: String| {
        let name = format!("bookings_{}", event.to_lowercase());
        [
            POSTGRES_BOOKINGS.replace("{name}", &name).replace("{taken}", &taken),
            format!(
                "CREATE TRIGGER {name} AFTER {event} ON bookings REFERENCING {tables} \
                 FOR EACH STATEMENT WHEN ({IS_OTHER_PROGRAM}) EXECUTE FUNCTION {name}()"
            ),
        ]
    };
    let (old, new) = ("OLD TABLE AS old_rows", "NEW TABLE AS new_rows");
    let mut statements = vec![
        POSTGRES_EVENTS.to_owned(),
        format!(
            "CREATE TRIGGER events_check_new BEFORE INSERT ON events FOR EACH ROW \
             WHEN (NEW.remaining_tickets <> NEW.total_tickets AND {IS_OTHER_PROGRAM}) \
             EXECUTE FUNCTION events_check_new()"
        ),
        format!(
            "CREATE TRIGGER events_keep_count BEFORE UPDATE OF total_tickets, remaining_tickets \
             ON events FOR EACH ROW WHEN ((NEW.total_tickets <> OLD.total_tickets \
             OR NEW.remaining_tickets <> OLD.remaining_tickets) AND {IS_OTHER_PROGRAM}) \
             EXECUTE FUNCTION events_keep_count()"
        ),
        POSTGRES_TRUNCATE.to_owned(),
        format!(
            "CREATE TRIGGER bookings_truncated AFTER TRUNCATE ON bookings FOR EACH STATEMENT \
             WHEN ({IS_OTHER_PROGRAM}) EXECUTE FUNCTION bookings_truncated()"
        ),
    ];
    statements.extend(on_bookings("INSERT", new, TAKEN.to_owned()));
    statements.extend(on_bookings("DELETE", old, FREED.to_owned()));
    let both = format!("{TAKEN} UNION ALL {FREED}");
    statements.extend(on_bookings("UPDATE", &format!("{old} {new}"), both));
    statements
}

/// Dropping a function drops its trigger, too.
const DOWN_ON_POSTGRES: [&str; 6] = [
    "DROP FUNCTION bookings_update CASCADE",
    "DROP FUNCTION bookings_delete CASCADE",
    "DROP FUNCTION bookings_insert CASCADE",
    "DROP FUNCTION bookings_truncated CASCADE",
    "DROP FUNCTION events_keep_count CASCADE",
    "DROP FUNCTION events_check_new CASCADE",
];

/// `INSERT OR REPLACE` deletes the row that it replaces without a trigger.
pub(crate) const REPLACED_BOOKING: &str = "CREATE TRIGGER bookings_replace BEFORE INSERT ON bookings \
     WHEN NOT EXISTS (SELECT 1 FROM count_keeping) AND EXISTS (SELECT 1 FROM bookings \
     WHERE id = new.id OR user_id = new.user_id AND (idempotency_key = new.idempotency_key \
     OR event_id = new.event_id AND status = 'CONFIRMED' AND new.status = 'CONFIRMED')) BEGIN \
     SELECT RAISE(ABORT, 'there is such a booking; change it by UPDATE'); END";
/// So does `UPDATE OR REPLACE`.
pub(crate) const REPLACED_BY_UPDATE: &str = "CREATE TRIGGER bookings_update_replace \
     BEFORE UPDATE OF id, user_id, event_id, status, idempotency_key ON bookings \
     WHEN NOT EXISTS (SELECT 1 FROM count_keeping) AND EXISTS (SELECT 1 FROM bookings \
     WHERE id <> old.id AND (id = new.id OR user_id = new.user_id \
     AND (idempotency_key = new.idempotency_key \
     OR event_id = new.event_id AND status = 'CONFIRMED' AND new.status = 'CONFIRMED'))) BEGIN \
     SELECT RAISE(ABORT, 'there is such a booking already'); END";

/// The triggers on SQLite. They mark their own changes of counts like Rowlock does. Those that
/// repeat a foreign key are for programs that connect without `PRAGMA foreign_keys`.
const UP_ON_SQLITE: [&str; 16] = [
    "CREATE TABLE count_keeping (id INTEGER PRIMARY KEY)",
    "CREATE TRIGGER events_check_new BEFORE INSERT ON events \
     WHEN new.remaining_tickets <> new.total_tickets \
     AND NOT EXISTS (SELECT 1 FROM count_keeping) BEGIN \
     SELECT RAISE(ABORT, 'a new event has no bookings, so its remaining_tickets must be its \
     total_tickets'); END",
    // `REPLACE` deletes the row that was there without a trigger.
    "CREATE TRIGGER events_replaced AFTER INSERT ON events \
     WHEN EXISTS (SELECT 1 FROM bookings WHERE event_id = new.id) \
     AND NOT EXISTS (SELECT 1 FROM count_keeping) BEGIN \
     SELECT RAISE(ABORT, 'the event has bookings; change it by UPDATE'); END",
    // The count moves before the total does, because the CHECK of the row compares both. SQLite
    // reads the columns that a statement does not set after the triggers before it.
    "CREATE TRIGGER events_total_changes BEFORE UPDATE OF total_tickets ON events \
     WHEN new.total_tickets <> old.total_tickets \
     AND new.remaining_tickets = old.remaining_tickets \
     AND NOT EXISTS (SELECT 1 FROM count_keeping) BEGIN \
     SELECT RAISE(ABORT, 'more tickets are booked than that, so total_tickets can''t be so low') \
     WHERE new.total_tickets < old.total_tickets - old.remaining_tickets; \
     INSERT INTO count_keeping VALUES (1); \
     UPDATE events SET total_tickets = max(new.total_tickets, old.total_tickets), \
     remaining_tickets = old.remaining_tickets + new.total_tickets - old.total_tickets, \
     count_version = count_version + 1 WHERE id = old.id; \
     DELETE FROM count_keeping; END",
    // For a statement that sets both, and the count to what it was.
    "CREATE TRIGGER events_total_changed AFTER UPDATE OF total_tickets ON events \
     WHEN new.total_tickets <> old.total_tickets \
     AND new.remaining_tickets = old.remaining_tickets \
     AND NOT EXISTS (SELECT 1 FROM count_keeping) BEGIN \
     INSERT INTO count_keeping VALUES (1); \
     UPDATE events SET \
     remaining_tickets = old.remaining_tickets + new.total_tickets - old.total_tickets \
     WHERE id = new.id; \
     DELETE FROM count_keeping; END",
    "CREATE TRIGGER events_remaining_changes BEFORE UPDATE OF remaining_tickets ON events \
     WHEN new.remaining_tickets <> old.remaining_tickets \
     AND new.remaining_tickets - old.remaining_tickets <> new.total_tickets - old.total_tickets \
     AND NOT EXISTS (SELECT 1 FROM count_keeping) BEGIN \
     SELECT RAISE(ABORT, 'remaining_tickets must be total_tickets minus what is booked; leave it \
     out, because it follows both') \
     WHERE new.remaining_tickets <> new.total_tickets - coalesce((SELECT sum(quantity) \
     FROM bookings WHERE event_id = old.id AND status = 'CONFIRMED'), 0); END",
    "CREATE TRIGGER events_count_changed AFTER UPDATE OF total_tickets, remaining_tickets \
     ON events WHEN (new.total_tickets <> old.total_tickets \
     OR new.remaining_tickets <> old.remaining_tickets) \
     AND new.count_version <= old.count_version BEGIN \
     UPDATE events SET count_version = old.count_version + 1 WHERE id = new.id; END",
    "CREATE TRIGGER events_booked_deleted BEFORE DELETE ON events \
     WHEN EXISTS (SELECT 1 FROM bookings WHERE event_id = old.id) BEGIN \
     SELECT RAISE(ABORT, 'the event has bookings'); END",
    "CREATE TRIGGER events_booked_id BEFORE UPDATE OF id ON events \
     WHEN new.id <> old.id AND EXISTS (SELECT 1 FROM bookings WHERE event_id = old.id) BEGIN \
     SELECT RAISE(ABORT, 'the event has bookings'); END",
    "CREATE TRIGGER users_booked_deleted BEFORE DELETE ON users \
     WHEN EXISTS (SELECT 1 FROM bookings WHERE user_id = old.id) BEGIN \
     SELECT RAISE(ABORT, 'the user has bookings'); END",
    "CREATE TRIGGER users_booked_id BEFORE UPDATE OF id ON users \
     WHEN new.id <> old.id AND EXISTS (SELECT 1 FROM bookings WHERE user_id = old.id) BEGIN \
     SELECT RAISE(ABORT, 'the user has bookings'); END",
    "CREATE TRIGGER bookings_insert AFTER INSERT ON bookings \
     WHEN NOT EXISTS (SELECT 1 FROM count_keeping) BEGIN \
     SELECT RAISE(ABORT, 'there is no such event') \
     WHERE NOT EXISTS (SELECT 1 FROM events WHERE id = new.event_id); \
     SELECT RAISE(ABORT, 'there is no such user') \
     WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = new.user_id); \
     SELECT RAISE(ABORT, 'the event has fewer tickets left') FROM events \
     WHERE id = new.event_id AND remaining_tickets < new.quantity AND new.status = 'CONFIRMED'; \
     INSERT INTO count_keeping VALUES (1); \
     UPDATE events SET remaining_tickets = remaining_tickets - new.quantity, \
     count_version = count_version + 1 WHERE id = new.event_id AND new.status = 'CONFIRMED'; \
     DELETE FROM count_keeping; END",
    "CREATE TRIGGER bookings_delete AFTER DELETE ON bookings \
     WHEN old.status = 'CONFIRMED' AND NOT EXISTS (SELECT 1 FROM count_keeping) BEGIN \
     INSERT INTO count_keeping VALUES (1); \
     UPDATE events SET remaining_tickets = remaining_tickets + old.quantity, \
     count_version = count_version + 1 WHERE id = old.event_id; \
     DELETE FROM count_keeping; END",
    "CREATE TRIGGER bookings_update AFTER UPDATE OF event_id, user_id, quantity, status \
     ON bookings WHEN NOT EXISTS (SELECT 1 FROM count_keeping) BEGIN \
     SELECT RAISE(ABORT, 'there is no such event') \
     WHERE NOT EXISTS (SELECT 1 FROM events WHERE id = new.event_id); \
     SELECT RAISE(ABORT, 'there is no such user') \
     WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = new.user_id); \
     INSERT INTO count_keeping VALUES (1); \
     UPDATE events SET remaining_tickets = remaining_tickets + old.quantity, \
     count_version = count_version + 1 WHERE id = old.event_id AND old.status = 'CONFIRMED'; \
     SELECT RAISE(ABORT, 'the event has fewer tickets left') FROM events \
     WHERE id = new.event_id AND remaining_tickets < new.quantity AND new.status = 'CONFIRMED'; \
     UPDATE events SET remaining_tickets = remaining_tickets - new.quantity, \
     count_version = count_version + 1 WHERE id = new.event_id AND new.status = 'CONFIRMED'; \
     DELETE FROM count_keeping; END",
    REPLACED_BOOKING,
    REPLACED_BY_UPDATE,
];

const DOWN_ON_SQLITE: [&str; 16] = [
    "DROP TRIGGER bookings_update_replace",
    "DROP TRIGGER bookings_replace",
    "DROP TRIGGER bookings_update",
    "DROP TRIGGER bookings_delete",
    "DROP TRIGGER bookings_insert",
    "DROP TRIGGER users_booked_id",
    "DROP TRIGGER users_booked_deleted",
    "DROP TRIGGER events_booked_id",
    "DROP TRIGGER events_booked_deleted",
    "DROP TRIGGER events_count_changed",
    "DROP TRIGGER events_remaining_changes",
    "DROP TRIGGER events_total_changed",
    "DROP TRIGGER events_total_changes",
    "DROP TRIGGER events_replaced",
    "DROP TRIGGER events_check_new",
    "DROP TABLE count_keeping",
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
            _ => UP_ON_SQLITE.map(str::to_owned).to_vec(),
        };
        for statement in statements {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = match manager.get_database_backend() {
            DbBackend::Postgres => DOWN_ON_POSTGRES.map(str::to_owned).to_vec(),
            _ => DOWN_ON_SQLITE.map(str::to_owned).to_vec(),
        };
        for statement in statements {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
