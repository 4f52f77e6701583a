//! The tickets that were checked in at the door, and the secret of tickets for an SQLite database
//! whose operator has set none.
//!
//! A ticket is a number of a booking, up to the booking's quantity. Only a ticket of a confirmed
//! booking can be checked in. A booking that is cancelled later keeps its check-ins as a record.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::m20261126_000008_readable_rows::{TIME_ON_POSTGRES, time_triggers_on_sqlite};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Holds if a booking has the ticket of a new row.
const HAS_TICKET: &str = "id = NEW.booking_id AND event_id = NEW.event_id \
                          AND status = 'CONFIRMED' AND quantity >= NEW.number";

fn up_on_postgres() -> Vec<String> {
    let time = TIME_ON_POSTGRES.replace('@', "checked_in_at");
    vec![
        format!(
            "CREATE TABLE check_ins (booking_id uuid NOT NULL \
             REFERENCES bookings (id) ON DELETE CASCADE, number integer NOT NULL, \
             event_id uuid NOT NULL, checked_in_at timestamptz NOT NULL, \
             checked_in_by uuid REFERENCES users (id) ON DELETE SET NULL, scan_id text, \
             PRIMARY KEY (booking_id, number), \
             CONSTRAINT check_ins_number CHECK (number BETWEEN 1 AND 10), \
             CONSTRAINT check_ins_scan_id CHECK (length(scan_id) BETWEEN 1 AND 100), \
             CONSTRAINT check_ins_times CHECK ({time}))"
        ),
        // The lock lets no cancellation or change pass that does not see the new row.
        format!(
            "CREATE FUNCTION check_ins_have_tickets() RETURNS trigger LANGUAGE plpgsql \
             SECURITY DEFINER AS $$
BEGIN
    PERFORM FROM ONLY bookings WHERE {HAS_TICKET} FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'booking % is no confirmed booking of event % with % tickets',
            NEW.booking_id, NEW.event_id, NEW.number
            USING ERRCODE = 'check_violation', TABLE = 'check_ins';
    END IF;
    RETURN NULL;
END $$"
        ),
        "REVOKE ALL ON FUNCTION check_ins_have_tickets() FROM PUBLIC".to_owned(),
        // A temporary table of the caller must not stand for the bookings.
        "DO $$ BEGIN EXECUTE format('ALTER FUNCTION check_ins_have_tickets() \
         SET search_path = %I, pg_temp', current_schema()); END $$"
            .to_owned(),
        "CREATE TRIGGER check_ins_new AFTER INSERT ON check_ins \
         FOR EACH ROW EXECUTE FUNCTION check_ins_have_tickets()"
            .to_owned(),
        "CREATE TRIGGER check_ins_of_another AFTER UPDATE ON check_ins FOR EACH ROW \
         WHEN ((NEW.booking_id, NEW.number, NEW.event_id) \
         IS DISTINCT FROM (OLD.booking_id, OLD.number, OLD.event_id)) \
         EXECUTE FUNCTION check_ins_have_tickets()"
            .to_owned(),
        "CREATE TABLE ticket_secrets (id integer PRIMARY KEY CHECK (id = 1), \
         secret text NOT NULL CHECK (length(secret) BETWEEN 32 AND 1000))"
            .to_owned(),
    ]
}

fn up_on_sqlite() -> Vec<String> {
    let mut statements = vec![
        "CREATE TABLE check_ins (booking_id blob NOT NULL \
         REFERENCES bookings (id) ON DELETE CASCADE, number integer NOT NULL, \
         event_id blob NOT NULL, checked_in_at text NOT NULL, \
         checked_in_by blob REFERENCES users (id) ON DELETE SET NULL, scan_id text, \
         PRIMARY KEY (booking_id, number), \
         CHECK (typeof(booking_id) = 'blob' AND length(booking_id) = 16 \
         AND typeof(event_id) = 'blob' AND length(event_id) = 16 \
         AND typeof(number) = 'integer' AND number BETWEEN 1 AND 10), \
         CHECK (checked_in_by IS NULL \
         OR typeof(checked_in_by) = 'blob' AND length(checked_in_by) = 16), \
         CHECK (scan_id IS NULL OR typeof(scan_id) = 'text' \
         AND length(scan_id) BETWEEN 1 AND 100 AND instr(scan_id, char(0)) = 0))"
            .to_owned(),
        "CREATE TABLE ticket_secrets (id integer NOT NULL PRIMARY KEY CHECK (id = 1), \
         secret text NOT NULL CHECK (typeof(secret) = 'text' \
         AND length(secret) BETWEEN 32 AND 1000 AND instr(secret, char(0)) = 0))"
            .to_owned(),
    ];
    let has_ticket = HAS_TICKET.replace("NEW.", "new.");
    for (name, event) in
        [("new", "INSERT"), ("of_another", "UPDATE OF booking_id, number, event_id")]
    {
        statements.push(format!(
            "CREATE TRIGGER check_ins_{name} AFTER {event} ON check_ins \
             WHEN NOT EXISTS (SELECT 1 FROM bookings WHERE {has_ticket}) BEGIN \
             SELECT RAISE(ABORT, 'check_ins: there is no confirmed booking of the event with so \
             many tickets'); END"
        ));
    }
    statements.extend(
        time_triggers_on_sqlite("check_ins", "checked_in_at")
            // The table has no id.
            .map(|trigger| trigger.replace("WHERE id = new.id", "WHERE rowid = new.rowid")),
    );
    statements
}

/// For the number of people who are in, and for a member whose account is deleted.
const INDEXES: [&str; 2] = [
    "CREATE INDEX check_ins_by_event ON check_ins (event_id)",
    "CREATE INDEX check_ins_by_member ON check_ins (checked_in_by)",
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
        for statement in statements.iter().map(String::as_str).chain(INDEXES) {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut statements = vec!["DROP TABLE check_ins", "DROP TABLE ticket_secrets"];
        if manager.get_database_backend() == DbBackend::Postgres {
            statements.push("DROP FUNCTION check_ins_have_tickets");
        }
        for statement in statements {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
