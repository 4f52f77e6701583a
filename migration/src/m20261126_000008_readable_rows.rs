//! Refuses rows that Rowlock could not read, show or put in order, whoever writes them.
//!
//! The rules are CHECK constraints on PostgreSQL and triggers on SQLite, which can't add
//! constraints to a table. SQLite also stores values of any type in any column, so it has more
//! rules, and it converts times to the one form in which Rowlock compares them. If existing rows
//! break a rule, the migration changes nothing and names one of them.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{DbBackend, Statement},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// A condition that each row of a table must satisfy. `@` stands before each column.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) table: &'static str,
    /// The columns, for the triggers of SQLite.
    pub(crate) columns: &'static str,
    pub(crate) condition: &'static str,
    /// The message for a row that breaks it.
    pub(crate) problem: &'static str,
}

const ON_BOTH: [Rule; 3] = [
    Rule {
        name: "events_texts",
        table: "events",
        columns: "title_key, description, venue",
        // A cursor holds the key, and a page of the list holds 50 descriptions.
        condition: "length(@title_key) <= 400 AND length(@description) <= 20000 \
                    AND length(@venue) <= 2000",
        problem: "title_key may have 400 characters, description 20,000 and venue 2,000",
    },
    Rule {
        name: "events_max_version",
        table: "events",
        columns: "count_version",
        // Each change of the count adds one.
        condition: "@count_version <= 4611686018427387904",
        problem: "count_version must leave room to grow, and Rowlock raises it by itself",
    },
    Rule {
        name: "events_currency_code",
        table: "events",
        columns: "currency",
        condition: "substr(@currency, 1, 1) BETWEEN 'A' AND 'Z' \
                    AND substr(@currency, 2, 1) BETWEEN 'A' AND 'Z' \
                    AND substr(@currency, 3, 1) BETWEEN 'A' AND 'Z'",
        problem: "currency must be three capital letters, as in ISO 4217",
    },
];

const ON_SQLITE: [Rule; 5] = [
    Rule {
        name: "events_types",
        table: "events",
        columns: "id, title, title_key, description, venue, total_tickets, remaining_tickets, \
                  count_version, price_minor, currency",
        condition: "typeof(@id) = 'blob' AND length(@id) = 16 \
                    AND typeof(@title) = 'text' AND typeof(@title_key) = 'text' \
                    AND typeof(@description) = 'text' AND typeof(@venue) = 'text' \
                    AND typeof(@currency) = 'text' \
                    AND typeof(@total_tickets) = 'integer' \
                    AND typeof(@remaining_tickets) = 'integer' \
                    AND typeof(@count_version) = 'integer' AND typeof(@price_minor) = 'integer' \
                    AND @total_tickets <= 2147483647 AND @price_minor <= 100000000000000 \
                    AND instr(@title, char(0)) = 0 AND instr(@title_key, char(0)) = 0 \
                    AND instr(@description, char(0)) = 0 AND instr(@venue, char(0)) = 0",
        problem: "ids are blobs of 16 bytes, texts are text without NUL, numbers are integers of \
                  at most 2147483647 tickets and 100000000000000 minor units",
    },
    Rule {
        name: "bookings_types",
        table: "bookings",
        columns: "id, event_id, user_id, quantity, status, idempotency_key",
        condition: "typeof(@id) = 'blob' AND length(@id) = 16 \
                    AND typeof(@event_id) = 'blob' AND length(@event_id) = 16 \
                    AND typeof(@user_id) = 'blob' AND length(@user_id) = 16 \
                    AND typeof(@quantity) = 'integer' AND typeof(@status) = 'text' \
                    AND typeof(@idempotency_key) IN ('text', 'null')",
        problem: "ids are blobs of 16 bytes, quantity is an integer, idempotency_key is text",
    },
    Rule {
        name: "users_types",
        table: "users",
        columns: "id, email, name, password_hash",
        condition: "typeof(@id) = 'blob' AND length(@id) = 16 \
                    AND typeof(@email) = 'text' AND typeof(@name) = 'text' \
                    AND typeof(@password_hash) = 'text'",
        problem: "ids are blobs of 16 bytes, and everything else is text",
    },
    Rule {
        name: "sessions_types",
        table: "sessions",
        columns: "id, user_id",
        condition: "typeof(@id) = 'blob' AND length(@id) = 16 \
                    AND typeof(@user_id) = 'blob' AND length(@user_id) = 16",
        problem: "ids are blobs of 16 bytes",
    },
    Rule {
        name: "refresh_tokens_types",
        table: "refresh_tokens",
        columns: "id, session_id, token_hash",
        condition: "typeof(@id) = 'blob' AND length(@id) = 16 \
                    AND typeof(@session_id) = 'blob' AND length(@session_id) = 16 \
                    AND typeof(@token_hash) = 'blob'",
        problem: "ids are blobs of 16 bytes, and a hash is a blob",
    },
];

/// The columns with times, by table. Transactions of running servers lock the tables in this order,
/// too, so none of them waits for this migration while it waits for them.
const TIMES: [(&str, &[&str]); 5] = [
    ("sessions", &["created_at", "expires_at", "revoked_at"]),
    ("refresh_tokens", &["created_at", "expires_at", "used_at"]),
    ("events", &["starts_at", "created_at"]),
    ("bookings", &["created_at", "cancelled_at"]),
    ("users", &["created_at"]),
];

const TIME_PROBLEM: &str = "must be a time in the years 1 to 9999";
pub(crate) const TIMES_PROBLEM: &str = "times must be in the years 1 to 9999";

/// Infinity, and years that a client can't read, are outside of this.
pub(crate) const TIME_ON_POSTGRES: &str = "@ >= timestamptz '0001-01-01 00:00:00+00' \
    AND @ < timestamptz '9999-12-31 23:59:59.999999+00'";

/// A time that SQLite can read, on a day that exists, before its end. SQLite takes the 30th of
/// February, and some of its versions tell only in sums that this is a day in March.
const TIME_ON_SQLITE: &str = "(@ IS NULL OR typeof(@) = 'text' AND instr(@, char(0)) = 0 \
    AND @ GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' \
    AND coalesce(strftime('%Y', @), '0000') > '0000' \
    AND strftime('%d', substr(@, 1, 10), '+0 days') = substr(@, 9, 2) \
    AND substr(@, 12, 2) <> '24')";

/// A time in the form in which Rowlock writes it: UTC, with no, three or six digits after the
/// second, as few as the time needs. Only in this form are texts in the order of the times.
pub(crate) const CANONICAL: &str = "(substr(@, 1, 19) = strftime('%Y-%m-%dT%H:%M:%S', substr(@, 1, 19), '+0 days') \
    AND (substr(@, 20) = '+00:00' \
    OR substr(@, 20) GLOB '.[0-9][0-9][0-9]+00:00' AND substr(@, 20) NOT GLOB '.000*' \
    OR substr(@, 20) GLOB '.[0-9][0-9][0-9][0-9][0-9][0-9]+00:00' \
    AND substr(@, 20) NOT GLOB '.???000*'))";

/// Another form of the time, in Rowlock's form. SQLite reads it to the millisecond.
const CONVERTED: &str = "strftime('%Y-%m-%dT%H:%M:%S', @) \
    || replace(substr(strftime('%f', @), 3), '.000', '') || '+00:00'";

/// Rowlock checks the bookings that it makes itself.
fn unless_by_rowlock(table: &str) -> &'static str {
    match table {
        "bookings" => "NOT EXISTS (SELECT 1 FROM count_keeping) AND ",
        _ => "",
    }
}

impl Rule {
    /// The triggers that refuse rows which break the rule.
    pub(crate) fn triggers_on_sqlite(&self) -> [String; 2] {
        let Self { name, table, columns, condition, problem } = self;
        let broken =
            format!("{}({}) IS NOT TRUE", unless_by_rowlock(table), condition.replace('@', "new."));
        [("insert", "INSERT".to_owned()), ("update", format!("UPDATE OF {columns}"))].map(
            |(when, event)| {
                format!(
                    "CREATE TRIGGER {name}_{when} AFTER {event} ON {table} WHEN {broken} BEGIN \
                     SELECT RAISE(ABORT, '{table}: {problem}'); END"
                )
            },
        )
    }
}

/// The triggers that refuse what is no time, and convert times to Rowlock's form.
pub(crate) fn time_triggers_on_sqlite(table: &str, column: &str) -> [String; 2] {
    let new = |text: &str| text.replace('@', &format!("new.{column}"));
    let is_other = format!(
        "{}new.{column} IS NOT NULL AND {} IS NOT TRUE",
        unless_by_rowlock(table),
        new(CANONICAL)
    );
    [("insert", "INSERT".to_owned()), ("update", format!("UPDATE OF {column}"))].map(
        |(when, event)| {
            format!(
                "CREATE TRIGGER {table}_{column}_{when} AFTER {event} ON {table} \
                 WHEN {is_other} BEGIN \
                 SELECT RAISE(ABORT, '{table}: {column} {TIME_PROBLEM}, such as \
                 2026-12-01T10:00:00Z') WHERE {} IS NOT TRUE; \
                 UPDATE {table} SET {column} = {} WHERE id = new.id; END",
                new(TIME_ON_SQLITE),
                new(CONVERTED)
            )
        },
    )
}

fn up_on_sqlite() -> Vec<String> {
    let mut statements = Vec::new();
    for rule in ON_BOTH.iter().chain(&ON_SQLITE) {
        statements.extend(rule.triggers_on_sqlite());
    }
    for (table, columns) in TIMES {
        for column in columns {
            let old = |text: &str| text.replace('@', column);
            statements.push(format!(
                "UPDATE {table} SET {column} = {} WHERE {column} IS NOT NULL AND {} IS NOT TRUE",
                old(CONVERTED),
                old(CANONICAL)
            ));
            statements.extend(time_triggers_on_sqlite(table, column));
        }
    }
    statements
}

fn down_on_sqlite() -> Vec<String> {
    let rules = ON_BOTH.iter().chain(&ON_SQLITE).map(|rule| rule.name.to_owned());
    let times = TIMES
        .iter()
        .flat_map(|(table, columns)| columns.iter().map(move |column| format!("{table}_{column}")));
    let names = rules.chain(times);
    names
        .flat_map(|name| ["insert", "update"].map(|when| format!("DROP TRIGGER {name}_{when}")))
        .collect()
}

/// The condition for the times of a table, with `@` before each column.
pub(crate) fn times_on_postgres(columns: &[&str]) -> String {
    let conditions: Vec<String> =
        columns.iter().map(|column| TIME_ON_POSTGRES.replace('@', &format!("@{column}"))).collect();
    conditions.join(" AND ")
}

/// The rules on PostgreSQL for values of events that no booking changes: name, condition with `@`
/// before each column, and message.
pub(crate) fn value_rules_of_events() -> Vec<(&'static str, String, &'static str)> {
    let is_value = |rule: &&Rule| rule.name != "events_max_version";
    let texts = ON_BOTH.iter().filter(is_value);
    let mut rules: Vec<_> =
        texts.map(|rule| (rule.name, condition_on_postgres(rule), rule.problem)).collect();
    let times = TIMES.iter().filter(|(table, _)| *table == "events");
    rules.extend(
        times.map(|(_, columns)| ("events_times", times_on_postgres(columns), TIMES_PROBLEM)),
    );
    rules
}

/// Letters are compared as bytes, whatever the database's language is.
fn condition_on_postgres(rule: &Rule) -> String {
    rule.condition.replace("@currency", "@currency COLLATE \"C\"")
}

/// The constraints hold for rows that are written from now on. The next migration looks at the
/// others, without keeping anybody from writing.
fn up_on_postgres() -> Vec<String> {
    let of_table = |table: &'static str| {
        let rules = ON_BOTH.iter().filter(move |rule| rule.table == table);
        rules.map(move |rule| {
            let (name, condition) = (rule.name, condition_on_postgres(rule).replace('@', ""));
            format!("ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
        })
    };
    let mut statements = Vec::new();
    for (table, columns) in TIMES {
        let condition = times_on_postgres(columns).replace('@', "");
        statements.extend(of_table(table));
        statements.push(format!(
            "ALTER TABLE {table} ADD CONSTRAINT {table}_times CHECK ({condition}) NOT VALID"
        ));
    }
    statements
}

/// Statements that check the rows that were there before.
pub(crate) fn validations_on_postgres() -> Vec<String> {
    let rules = ON_BOTH.iter().map(|rule| (rule.table, rule.name.to_owned()));
    let times = TIMES.iter().map(|(table, _)| (*table, format!("{table}_times")));
    let constraints = rules.chain(times);
    constraints
        .map(|(table, name)| format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name}"))
        .collect()
}

fn down_on_postgres() -> Vec<String> {
    let rules = ON_BOTH
        .iter()
        .map(|Rule { name, table, .. }| format!("ALTER TABLE {table} DROP CONSTRAINT {name}"));
    let times =
        TIMES.iter().map(|(table, _)| format!("ALTER TABLE {table} DROP CONSTRAINT {table}_times"));
    rules.chain(times).collect()
}

/// Fails with the number of rows that break a rule, and with the id of one of them.
async fn refuse_broken_rows(
    manager: &SchemaManager<'_>,
    table: &str,
    condition: &str,
    problem: &str,
) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    let id = match backend {
        DbBackend::Postgres => "id::text",
        _ => "hex(id)",
    };
    let sql = format!(
        "SELECT COUNT(*) AS broken, min({id}) AS example FROM {table} \
         WHERE ({condition}) IS NOT TRUE"
    );
    let row = manager.get_connection().query_one_raw(Statement::from_string(backend, sql)).await?;
    let Some(row) = row else { return Ok(()) };
    let broken: i64 = row.try_get("", "broken")?;
    if broken == 0 {
        return Ok(());
    }
    let example: Option<String> = row.try_get("", "example")?;
    Err(DbErr::Migration(format!(
        "in the table {table}, {problem}. Rows that break this rule: {broken}, such as the one with \
         the id {}. Correct or delete them, and migrate again.",
        example.unwrap_or_default()
    )))
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing, with the record that it was made.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
        let only_here = if is_postgres { &[][..] } else { &ON_SQLITE };
        for rule in ON_BOTH.iter().chain(only_here) {
            let condition = rule.condition.replace('@', "");
            refuse_broken_rows(manager, rule.table, &condition, rule.problem).await?;
        }
        for (table, columns) in TIMES {
            for column in columns {
                let condition = if is_postgres { TIME_ON_POSTGRES } else { TIME_ON_SQLITE };
                let condition = format!("{column} IS NULL OR {}", condition.replace('@', column));
                let problem = format!("{column} {TIME_PROBLEM}");
                refuse_broken_rows(manager, table, &condition, &problem).await?;
            }
        }
        let statements = if is_postgres { up_on_postgres() } else { up_on_sqlite() };
        for statement in statements {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
        let statements = if is_postgres { down_on_postgres() } else { down_on_sqlite() };
        for statement in statements {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
