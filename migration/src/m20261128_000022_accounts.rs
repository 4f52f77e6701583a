//! What accounts need to be recovered, changed and deleted: whether an email is verified, a new one
//! that waits for it, the tokens that are sent by mail, and what a session says about its device.
//!
//! On PostgreSQL, this reads no row while it keeps everybody from the tables: the rows that are there
//! satisfy the constraints by their nulls and defaults. It can be repeated.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend, TransactionTrait},
};

use crate::{
    m20261126_000008_readable_rows::{Rule, time_triggers_on_sqlite, times_on_postgres},
    m20261127_000015_bookings_of_events::index_on_postgres,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const RULES: [Rule; 2] = [
    Rule {
        name: "users_account",
        table: "users",
        columns: "email_verified_at, pending_email, reminders, calendar_token, deleted_at",
        condition: "coalesce(length(@pending_email), 1) BETWEEN 1 AND 254 \
                    AND coalesce(length(@calendar_token), 43) = 43 \
                    AND (@deleted_at IS NULL OR @email_verified_at IS NULL \
                    AND @pending_email IS NULL AND @calendar_token IS NULL)",
        problem: "pending_email has 1 to 254 characters and calendar_token 43, and a deleted account \
                  has neither, nor a verified email",
    },
    Rule {
        name: "sessions_device",
        table: "sessions",
        columns: "user_agent",
        condition: "coalesce(length(@user_agent), 0) <= 200",
        problem: "user_agent has up to 200 characters",
    },
];

/// Types that SQLite does not check by itself.
const TYPES_ON_SQLITE: [Rule; 2] = [
    Rule {
        name: "users_account_types",
        table: "users",
        columns: "pending_email, reminders, calendar_token",
        condition: "typeof(@reminders) = 'integer' AND @reminders IN (0, 1) \
                    AND typeof(@pending_email) IN ('text', 'null') \
                    AND typeof(@calendar_token) IN ('text', 'null') \
                    AND instr(coalesce(@pending_email, '') || coalesce(@calendar_token, ''), \
                    char(0)) = 0",
        problem: "reminders is 0 or 1, and everything else is text without NUL",
    },
    Rule {
        name: "sessions_device_types",
        table: "sessions",
        columns: "user_agent",
        condition: "typeof(@user_agent) IN ('text', 'null') \
                    AND instr(coalesce(@user_agent, ''), char(0)) = 0",
        problem: "user_agent is text without NUL",
    },
];

/// The new columns with times, by table.
const TIMES: [(&str, &str, &[&str]); 2] = [
    ("users", "users_account_times", &["email_verified_at", "deleted_at"]),
    ("sessions", "sessions_device_times", &["last_seen_at"]),
];

const TOKENS_ON_BOTH: &str = "purpose IN ('VERIFY_EMAIL', 'CHANGE_EMAIL', 'RESET_PASSWORD') \
    AND length(token_hash) = 32 AND length(email) BETWEEN 1 AND 254";
const TOKEN_TIMES: [&str; 3] = ["created_at", "expires_at", "replaced_at"];

/// Only few people have a calendar's address. As the index does not have all rows, PostgreSQL lets
/// people book while theirs changes.
const CALENDAR_INDEX: (&str, &str, &str) = (
    "UNIQUE",
    "users_calendar_token",
    "ON users (calendar_token) WHERE calendar_token IS NOT NULL",
);

const TOKEN_INDEXES: [&str; 2] = [
    "CREATE INDEX account_tokens_user_id ON account_tokens (user_id)",
    "CREATE INDEX account_tokens_expires_at ON account_tokens (expires_at)",
];

fn up_on_postgres() -> Vec<String> {
    let mut statements = vec![
        "ALTER TABLE sessions ADD COLUMN last_seen_at timestamptz, ADD COLUMN user_agent text"
            .to_owned(),
        "ALTER TABLE users ADD COLUMN email_verified_at timestamptz, ADD COLUMN pending_email text, \
         ADD COLUMN reminders boolean NOT NULL DEFAULT true, ADD COLUMN calendar_token text, \
         ADD COLUMN deleted_at timestamptz"
            .to_owned(),
    ];
    let times = TIMES.map(|(table, name, columns)| (table, name, times_on_postgres(columns)));
    let rules = RULES.iter().map(|rule| (rule.table, rule.name, rule.condition.to_owned()));
    statements.extend(rules.chain(times).map(|(table, name, condition)| {
        let condition = condition.replace('@', "");
        format!("ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    }));
    statements.push(format!(
        "CREATE TABLE account_tokens (id uuid PRIMARY KEY, \
         user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE, purpose text NOT NULL, \
         token_hash bytea NOT NULL UNIQUE, email text NOT NULL, created_at timestamptz NOT NULL, \
         expires_at timestamptz NOT NULL, replaced_at timestamptz, \
         CONSTRAINT account_tokens_values CHECK ({TOKENS_ON_BOTH}), \
         CONSTRAINT account_tokens_times CHECK ({}))",
        times_on_postgres(&TOKEN_TIMES).replace('@', "")
    ));
    statements.extend(TOKEN_INDEXES.map(str::to_owned));
    statements
}

fn up_on_sqlite() -> Vec<String> {
    let columns = [
        "sessions ADD COLUMN last_seen_at text",
        "sessions ADD COLUMN user_agent text",
        "users ADD COLUMN email_verified_at text",
        "users ADD COLUMN pending_email text",
        "users ADD COLUMN reminders boolean NOT NULL DEFAULT 1",
        "users ADD COLUMN calendar_token text",
        "users ADD COLUMN deleted_at text",
    ];
    let mut statements: Vec<String> = columns.map(|column| format!("ALTER TABLE {column}")).into();
    for rule in RULES.iter().chain(&TYPES_ON_SQLITE) {
        statements.extend(rule.triggers_on_sqlite());
    }
    for (table, _, columns) in TIMES {
        statements.extend(columns.iter().flat_map(|column| time_triggers_on_sqlite(table, column)));
    }
    statements.push(format!(
        "CREATE TABLE account_tokens (id blob NOT NULL PRIMARY KEY, \
         user_id blob NOT NULL REFERENCES users (id) ON DELETE CASCADE, purpose text NOT NULL, \
         token_hash blob NOT NULL UNIQUE, email text NOT NULL, created_at text NOT NULL, \
         expires_at text NOT NULL, replaced_at text, CHECK ({TOKENS_ON_BOTH}), \
         CHECK (typeof(id) = 'blob' AND length(id) = 16 AND typeof(user_id) = 'blob' \
         AND length(user_id) = 16 AND typeof(token_hash) = 'blob' AND typeof(email) = 'text' \
         AND instr(email, char(0)) = 0))"
    ));
    for column in TOKEN_TIMES {
        statements.extend(time_triggers_on_sqlite("account_tokens", column));
    }
    statements.extend(TOKEN_INDEXES.map(str::to_owned));
    let (unique, name, on) = CALENDAR_INDEX;
    statements.push(format!("CREATE {unique} INDEX {name} {on}"));
    statements
}

const DOWN_ON_POSTGRES: [&str; 3] = [
    "DROP TABLE account_tokens",
    "ALTER TABLE users DROP COLUMN email_verified_at, DROP COLUMN pending_email, \
     DROP COLUMN reminders, DROP COLUMN calendar_token, DROP COLUMN deleted_at",
    "ALTER TABLE sessions DROP COLUMN last_seen_at, DROP COLUMN user_agent",
];

fn down_on_sqlite() -> Vec<String> {
    let rules = RULES.iter().chain(&TYPES_ON_SQLITE).map(|rule| rule.name.to_owned());
    let times = TIMES.iter().flat_map(|(table, _, columns)| {
        columns.iter().map(move |column| format!("{table}_{column}"))
    });
    let triggers = rules
        .chain(times)
        .flat_map(|name| ["insert", "update"].map(|when| format!("DROP TRIGGER {name}_{when}")));
    let columns = [
        "users DROP COLUMN deleted_at",
        "users DROP COLUMN calendar_token",
        "users DROP COLUMN reminders",
        "users DROP COLUMN pending_email",
        "users DROP COLUMN email_verified_at",
        "sessions DROP COLUMN user_agent",
        "sessions DROP COLUMN last_seen_at",
    ];
    let first =
        ["DROP TABLE account_tokens".to_owned(), "DROP INDEX users_calendar_token".to_owned()];
    let columns = columns.map(|column| format!("ALTER TABLE {column}"));
    first.into_iter().chain(triggers).chain(columns).collect()
}

/// All or nothing.
async fn run(manager: &SchemaManager<'_>, statements: Vec<String>) -> Result<(), DbErr> {
    let SchemaManagerConnection::Connection(db) = manager.get_connection() else {
        return Err(DbErr::Migration("this migration begins its own transaction".to_owned()));
    };
    let tx = db.begin().await?;
    for statement in statements {
        tx.execute_unprepared(&statement).await?;
    }
    tx.commit().await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // An index on PostgreSQL is made outside of a transaction, and keeps nobody waiting then.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
        if !manager.has_table("account_tokens").await? {
            run(manager, if is_postgres { up_on_postgres() } else { up_on_sqlite() }).await?;
        }
        if is_postgres {
            let (unique, name, on) = CALENDAR_INDEX;
            let index = [(unique, name, on.to_owned())];
            index_on_postgres(manager.get_connection(), &index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = match manager.get_database_backend() {
            DbBackend::Postgres => DOWN_ON_POSTGRES.map(str::to_owned).to_vec(),
            _ => down_on_sqlite(),
        };
        run(manager, statements).await
    }
}
