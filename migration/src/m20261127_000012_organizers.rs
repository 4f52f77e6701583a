//! Organizers with their members, and what organizers say about an event: its status, its city, its
//! time zone, its end, when it is on sale, and how many tickets one booking may have.
//!
//! Events that are there get the first organizer, which has no members until the operator adds one.
//! So do events that a program inserts without an organizer, such as a server of the previous
//! version: for it, every event is published.
//!
//! On PostgreSQL, this reads no row while it keeps everybody from the events. Migration 15 checks
//! the rows that are there, and makes the indexes.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend, Statement},
};

use crate::{
    m20261126_000006_counts::IS_OTHER_PROGRAM,
    m20261126_000008_readable_rows::{
        CANONICAL, Rule, TIMES_PROBLEM, time_triggers_on_sqlite, times_on_postgres,
    },
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The id of the first organizer, as hexadecimal digits.
const FIRST_ORGANIZER: &str = "01990000000470008000000000000001";

/// Rules for both engines. PostgreSQL has them as constraints, and SQLite as triggers.
const RULES: [Rule; 4] = [
    Rule {
        name: "organizers_texts",
        table: "organizers",
        columns: "slug, name",
        condition: "length(@slug) BETWEEN 1 AND 60 AND length(@name) BETWEEN 1 AND 100",
        problem: "slug has 1 to 60 characters and name 1 to 100",
    },
    Rule {
        name: "organizer_members_role",
        table: "organizer_members",
        columns: "role",
        condition: "@role IN ('OWNER', 'MANAGER', 'DOOR')",
        problem: "role is OWNER, MANAGER or DOOR",
    },
    Rule {
        name: "events_status",
        table: "events",
        columns: "status, is_public",
        condition: "@status IN ('DRAFT', 'PUBLISHED', 'CANCELLED') \
                    AND (@status <> 'PUBLISHED' OR @is_public) \
                    AND (@status <> 'DRAFT' OR NOT @is_public)",
        problem: "status is DRAFT, PUBLISHED or CANCELLED; what is published is public, and a \
                  draft is not",
    },
    Rule {
        name: "events_sale",
        table: "events",
        columns: "city, time_zone, max_per_booking, revision, external_id, cancellation_reason",
        condition: "length(@city) <= 200 AND length(@time_zone) BETWEEN 1 AND 64 \
                    AND @max_per_booking BETWEEN 1 AND 10 \
                    AND @revision BETWEEN 1 AND 1073741824 \
                    AND coalesce(length(@external_id), 1) BETWEEN 1 AND 200 \
                    AND coalesce(length(@cancellation_reason), 0) <= 2000",
        problem: "city has up to 200 characters, time_zone 1 to 64, external_id 1 to 200 and \
                  cancellation_reason up to 2000; max_per_booking is 1 to 10, and revision grows \
                  from 1",
    },
];

/// Types that SQLite does not check by itself.
const TYPES_ON_SQLITE: [Rule; 3] = [
    Rule {
        name: "organizers_types",
        table: "organizers",
        columns: "id, slug, name",
        condition: "typeof(@id) = 'blob' AND length(@id) = 16 AND typeof(@slug) = 'text' \
                    AND typeof(@name) = 'text' AND instr(@slug || @name, char(0)) = 0",
        problem: "ids are blobs of 16 bytes, and everything else is text without NUL",
    },
    Rule {
        name: "organizer_members_types",
        table: "organizer_members",
        columns: "organizer_id, user_id, role",
        condition: "typeof(@organizer_id) = 'blob' AND length(@organizer_id) = 16 \
                    AND typeof(@user_id) = 'blob' AND length(@user_id) = 16",
        problem: "ids are blobs of 16 bytes",
    },
    Rule {
        name: "events_sale_types",
        table: "events",
        columns: "organizer_id, is_public, city, time_zone, max_per_booking, revision, \
                  external_id, cancellation_reason",
        condition: "EXISTS (SELECT 1 FROM organizers WHERE id = @organizer_id) \
                    AND typeof(@is_public) = 'integer' AND @is_public IN (0, 1) \
                    AND typeof(@city) = 'text' AND typeof(@time_zone) = 'text' \
                    AND typeof(@max_per_booking) = 'integer' AND typeof(@revision) = 'integer' \
                    AND typeof(@external_id) IN ('text', 'null') \
                    AND typeof(@cancellation_reason) IN ('text', 'null') \
                    AND instr(@city || @time_zone || coalesce(@external_id, '') \
                    || coalesce(@cancellation_reason, ''), char(0)) = 0",
        problem: "organizer_id names an organizer, texts are text without NUL, numbers are integers",
    },
];

const EVENT_TIMES: [&str; 3] = ["ends_at", "sales_start_at", "sales_end_at"];

/// What an edit changes. A count is none.
const EDITED_COLUMNS: [&str; 16] = [
    "organizer_id",
    "status",
    "title",
    "description",
    "venue",
    "city",
    "time_zone",
    "starts_at",
    "ends_at",
    "sales_start_at",
    "sales_end_at",
    "max_per_booking",
    "price_minor",
    "currency",
    "total_tickets",
    "cancellation_reason",
];

const DOWN_ON_POSTGRES: [&str; 4] = [
    "DROP FUNCTION events_count_edit CASCADE",
    "ALTER TABLE events DROP COLUMN organizer_id, DROP COLUMN status, DROP COLUMN is_public, \
     DROP COLUMN revision, DROP COLUMN city, DROP COLUMN time_zone, DROP COLUMN ends_at, \
     DROP COLUMN sales_start_at, DROP COLUMN sales_end_at, DROP COLUMN max_per_booking, \
     DROP COLUMN external_id, DROP COLUMN cancellation_reason",
    "DROP TABLE organizer_members",
    "DROP TABLE organizers",
];

/// Takes the key of searches away from an event with other texts, among which the city is from this
/// migration on.
const FORGET_SEARCH_KEY: &str = "\
CREATE OR REPLACE FUNCTION events_forget_search_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.title <> OLD.title OR NEW.venue <> OLD.venue{or_city}
        OR NEW.title_key <> OLD.title_key THEN
        NEW.search_key := NULL;
    END IF;
    RETURN NEW;
END $$";

fn up_on_postgres() -> Vec<String> {
    let id = FIRST_ORGANIZER;
    let mut statements = vec![
        "CREATE TABLE organizers (id uuid PRIMARY KEY, slug text NOT NULL COLLATE \"C\" UNIQUE, \
         name text NOT NULL, \
         founded_by uuid REFERENCES users (id) ON DELETE SET NULL, \
         created_at timestamptz NOT NULL, \
         CONSTRAINT organizers_slug CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'))"
            .to_owned(),
        "CREATE TABLE organizer_members (organizer_id uuid NOT NULL \
         REFERENCES organizers (id) ON DELETE CASCADE, \
         user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE, role text NOT NULL, \
         created_at timestamptz NOT NULL, PRIMARY KEY (organizer_id, user_id))"
            .to_owned(),
        format!(
            "INSERT INTO organizers (id, slug, name, created_at) \
             VALUES ('{id}', 'our-events', 'Our events', now())"
        ),
        // Each default is constant, so no row is written.
        format!(
            "ALTER TABLE events \
             ADD COLUMN organizer_id uuid NOT NULL DEFAULT '{id}', \
             ADD COLUMN status text NOT NULL DEFAULT 'PUBLISHED', \
             ADD COLUMN is_public boolean NOT NULL DEFAULT true, \
             ADD COLUMN revision integer NOT NULL DEFAULT 1, \
             ADD COLUMN city text NOT NULL DEFAULT '', \
             ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC', \
             ADD COLUMN ends_at timestamptz, \
             ADD COLUMN sales_start_at timestamptz, \
             ADD COLUMN sales_end_at timestamptz, \
             ADD COLUMN max_per_booking integer NOT NULL DEFAULT 10, \
             ADD COLUMN external_id text, \
             ADD COLUMN cancellation_reason text"
        ),
        "ALTER TABLE events ADD CONSTRAINT events_organizer FOREIGN KEY (organizer_id) \
         REFERENCES organizers (id) NOT VALID"
            .to_owned(),
        "CREATE INDEX organizer_members_by_user ON organizer_members (user_id)".to_owned(),
        "CREATE INDEX organizers_by_founder ON organizers (founded_by)".to_owned(),
    ];
    statements.extend(RULES.iter().map(|Rule { name, table, condition, .. }| {
        let condition = condition.replace('@', "");
        format!("ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    }));
    statements.push(format!(
        "ALTER TABLE events ADD CONSTRAINT events_sale_times CHECK ({}) NOT VALID",
        times_on_postgres(&EVENT_TIMES).replace('@', "")
    ));
    let times = times_on_postgres(&["created_at"]).replace('@', "");
    statements.extend(
        ["organizers", "organizer_members"].map(|table| {
            format!("ALTER TABLE {table} ADD CONSTRAINT {table}_times CHECK ({times})")
        }),
    );
    let is_edit: Vec<String> = EDITED_COLUMNS
        .iter()
        .map(|column| format!("NEW.{column} IS DISTINCT FROM OLD.{column}"))
        .collect();
    statements.push(format!(
        "CREATE FUNCTION events_count_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {} THEN
        NEW.revision := greatest(NEW.revision, OLD.revision + 1);
        NEW.count_version := greatest(NEW.count_version, OLD.count_version + 1);
    END IF;
    RETURN NEW;
END $$",
        is_edit.join(" OR ")
    ));
    // A trigger that names columns would keep their types from being changed.
    statements.push(format!(
        "CREATE TRIGGER events_edited BEFORE UPDATE ON events FOR EACH ROW \
         WHEN ({IS_OTHER_PROGRAM}) EXECUTE FUNCTION events_count_edit()"
    ));
    statements.push(FORGET_SEARCH_KEY.replace("{or_city}", " OR NEW.city <> OLD.city"));
    statements
}

/// The indexes of events, with what follows `CREATE` and `INDEX`.
pub(crate) const EVENT_INDEXES: [(&str, &str, &str); 3] = [
    ("", "events_by_organizer", "ON events (organizer_id, starts_at, id)"),
    (
        "UNIQUE",
        "events_external_id",
        "ON events (organizer_id, external_id) WHERE external_id IS NOT NULL",
    ),
    // Lists and their totals pass over drafts and cancelled events without a look at them.
    ("", "events_published", "ON events (starts_at, id) WHERE status = 'PUBLISHED'"),
];

/// The rules on PostgreSQL for what organizers say about an event: name, condition with `@` before
/// each column, and message.
pub(crate) fn value_rules_of_events() -> Vec<(&'static str, String, &'static str)> {
    let rules = RULES.iter().filter(|rule| rule.table == "events");
    rules
        .map(|rule| (rule.name, rule.condition.to_owned(), rule.problem))
        .chain([("events_sale_times", times_on_postgres(&EVENT_TIMES), TIMES_PROBLEM)])
        .collect()
}

/// Statements that check the rows that were there before.
pub(crate) fn validations_on_postgres() -> Vec<String> {
    let rules = RULES.iter().map(|rule| (rule.table, rule.name));
    rules
        .chain([("events", "events_sale_times"), ("events", "events_organizer")])
        .map(|(table, name)| format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name}"))
        .collect()
}

fn up_on_sqlite() -> Vec<String> {
    let id = format!("x'{FIRST_ORGANIZER}'");
    let mut statements = vec![
        "CREATE TABLE organizers (id blob NOT NULL PRIMARY KEY, slug text NOT NULL UNIQUE \
         CHECK (slug GLOB '[a-z0-9]*' AND slug GLOB '*[a-z0-9]' \
         AND slug NOT GLOB '*[^a-z0-9-]*' AND slug NOT GLOB '*--*'), \
         name text NOT NULL, \
         founded_by blob REFERENCES users (id) ON DELETE SET NULL, created_at text NOT NULL)"
            .to_owned(),
        "CREATE TABLE organizer_members (organizer_id blob NOT NULL \
         REFERENCES organizers (id) ON DELETE CASCADE, \
         user_id blob NOT NULL REFERENCES users (id) ON DELETE CASCADE, role text NOT NULL, \
         created_at text NOT NULL, PRIMARY KEY (organizer_id, user_id))"
            .to_owned(),
        format!(
            "INSERT INTO organizers (id, slug, name, created_at) VALUES ({id}, 'our-events', \
             'Our events', strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now'))"
        ),
    ];
    // SQLite adds no column that refers to another table and has a default, so a trigger checks
    // the organizer.
    let columns = [
        format!("organizer_id blob NOT NULL DEFAULT {id}"),
        "status text NOT NULL DEFAULT 'PUBLISHED'".to_owned(),
        "is_public boolean NOT NULL DEFAULT 1".to_owned(),
        "revision integer NOT NULL DEFAULT 1".to_owned(),
        "city text NOT NULL DEFAULT ''".to_owned(),
        "time_zone text NOT NULL DEFAULT 'UTC'".to_owned(),
        "ends_at text".to_owned(),
        "sales_start_at text".to_owned(),
        "sales_end_at text".to_owned(),
        "max_per_booking integer NOT NULL DEFAULT 10".to_owned(),
        "external_id text".to_owned(),
        "cancellation_reason text".to_owned(),
    ];
    statements.extend(columns.map(|column| format!("ALTER TABLE events ADD COLUMN {column}")));
    statements.push("CREATE INDEX organizer_members_by_user ON organizer_members (user_id)".into());
    statements.push("CREATE INDEX organizers_by_founder ON organizers (founded_by)".into());
    statements.extend(
        EVENT_INDEXES.map(|(unique, name, on)| format!("CREATE {unique} INDEX {name} {on}")),
    );
    for rule in RULES.iter().chain(&TYPES_ON_SQLITE) {
        statements.extend(rule.triggers_on_sqlite());
    }
    for column in EVENT_TIMES {
        statements.extend(time_triggers_on_sqlite("events", column));
    }
    statements.extend(time_triggers_on_sqlite("organizers", "created_at"));
    statements.extend(
        time_triggers_on_sqlite("organizer_members", "created_at")
            // The table has no id.
            .map(|trigger| trigger.replace("WHERE id = new.id", "WHERE rowid = new.rowid")),
    );
    statements.push(
        "CREATE TRIGGER organizers_with_events BEFORE DELETE ON organizers \
         WHEN EXISTS (SELECT 1 FROM events WHERE organizer_id = old.id) BEGIN \
         SELECT RAISE(ABORT, 'the organizer has events'); END"
            .to_owned(),
    );
    // A statement of Rowlock raises the revision itself.
    let is_edit: Vec<String> =
        EDITED_COLUMNS.iter().map(|column| is_edit_on_sqlite(column)).collect();
    statements.push(format!(
        "CREATE TRIGGER events_edited AFTER UPDATE OF {} ON events \
         WHEN new.revision <= old.revision AND ({}) BEGIN \
         UPDATE events SET revision = old.revision + 1, \
         count_version = max(count_version, old.count_version + 1) WHERE id = new.id; END",
        EDITED_COLUMNS.join(", "),
        is_edit.join(" OR ")
    ));
    statements.push(
        "CREATE TRIGGER events_other_city AFTER UPDATE OF city ON events \
         WHEN new.city <> old.city BEGIN \
         UPDATE events SET search_key = NULL, search_row = NULL WHERE id = new.id; END"
            .to_owned(),
    );
    statements
}

/// Whether a statement edits a column. A trigger that gives a time Rowlock's form edits nothing.
fn is_edit_on_sqlite(column: &str) -> String {
    let differs = format!("new.{column} IS NOT old.{column}");
    if column != "starts_at" && !EVENT_TIMES.contains(&column) {
        return differs;
    }
    let old = format!("old.{column}");
    format!("{differs} AND ({old} IS NULL OR {})", CANONICAL.replace('@', &old))
}

fn down_on_sqlite() -> Vec<String> {
    let rules = RULES.iter().chain(&TYPES_ON_SQLITE);
    let names = rules
        .filter(|rule| rule.table == "events")
        .map(|rule| rule.name.to_owned())
        .chain(EVENT_TIMES.iter().map(|column| format!("events_{column}")));
    let mut statements: Vec<String> = names
        .flat_map(|name| ["insert", "update"].map(|when| format!("DROP TRIGGER {name}_{when}")))
        .collect();
    statements.extend(
        ["events_edited", "events_other_city", "organizers_with_events"]
            .map(|trigger| format!("DROP TRIGGER {trigger}")),
    );
    statements.extend(EVENT_INDEXES.map(|(_, name, _)| format!("DROP INDEX {name}")));
    statements
        .push("UPDATE events SET search_key = NULL, search_row = NULL WHERE city <> ''".to_owned());
    let columns = [
        "organizer_id",
        "status",
        "is_public",
        "revision",
        "city",
        "time_zone",
        "ends_at",
        "sales_start_at",
        "sales_end_at",
        "max_per_booking",
        "external_id",
        "cancellation_reason",
    ];
    statements.extend(columns.map(|column| format!("ALTER TABLE events DROP COLUMN {column}")));
    statements
        .extend(["organizer_members", "organizers"].map(|table| format!("DROP TABLE {table}")));
    statements
}

const HIDDEN_EVENTS: &str = "SELECT count(*) FROM events WHERE status <> 'PUBLISHED'";

/// Fails if there are drafts or cancelled events. Without organizers, nothing tells them from
/// others. The next migration asks for this, too, so that nothing is lost before it is refused.
pub(crate) async fn refuse_hidden_events(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    let hidden = Statement::from_string(backend, HIDDEN_EVENTS);
    let row = manager.get_connection().query_one_raw(hidden).await?;
    let hidden: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
    match hidden {
        0 => Ok(()),
        _ => Err(DbErr::Migration(format!(
            "{hidden} events are drafts or cancelled, and without organizers everybody could book \
             them. Publish them, or delete them by SQL, and try again."
        ))),
    }
}

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
        let db = manager.get_connection();
        let backend = manager.get_database_backend();
        refuse_hidden_events(manager).await?;
        let statements = match backend {
            DbBackend::Postgres => {
                let function = FORGET_SEARCH_KEY.replace("{or_city}", "");
                let keys = "UPDATE events SET search_key = NULL WHERE city <> ''".to_owned();
                let rest = DOWN_ON_POSTGRES.map(str::to_owned);
                [function, keys].into_iter().chain(rest).collect()
            }
            _ => down_on_sqlite(),
        };
        for statement in statements {
            db.execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
