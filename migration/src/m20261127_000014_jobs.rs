//! The table of jobs: work that is written in the transaction that causes it, and done after it.
//!
//! All times are the database's own. On SQLite, they have one form, with three digits after the
//! second, so that texts are in the order of the times.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

use crate::m20261126_000008_readable_rows::TIME_ON_POSTGRES;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Jobs {
    Table,
    Id,
    Kind,
    Payload,
    Attempts,
    RunAt,
    LeaseId,
    LastError,
    CreatedAt,
    DiedAt,
}

const ON_BOTH: [&str; 4] = [
    "length(kind) BETWEEN 1 AND 100",
    "length(payload) <= 16384 AND length(last_error) <= 1000",
    "attempts >= 0",
    "died_at IS NULL OR lease_id IS NULL",
];

const ON_SQLITE: [&str; 2] = [
    "typeof(id) = 'blob' AND length(id) = 16 AND typeof(kind) = 'text' \
     AND typeof(payload) = 'text' AND instr(kind, char(0)) = 0",
    "typeof(attempts) = 'integer' AND attempts <= 2147483647 \
     AND (lease_id IS NULL OR typeof(lease_id) = 'blob' AND length(lease_id) = 16) \
     AND typeof(last_error) IN ('text', 'null')",
];

const TIMES: [&str; 3] = ["run_at", "created_at", "died_at"];

/// A time in the form in which Rowlock writes it here.
const TIME_ON_SQLITE: &str = "@ IS NULL OR typeof(@) = 'text' \
    AND @ IS strftime('%Y-%m-%dT%H:%M:%f', @, '+0 days') || '+00:00'";

/// Workers take the jobs of one kind in the order of their times. Jobs that were given up are not in
/// that index, so they cost workers nothing.
const INDEXES: [&str; 2] = [
    "CREATE INDEX jobs_to_run ON jobs (kind, run_at, id) WHERE died_at IS NULL",
    "CREATE INDEX jobs_given_up ON jobs (died_at) WHERE died_at IS NOT NULL",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing, with the record that it was made.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
        let mut table = Table::create();
        table
            .table(Jobs::Table)
            .col(pk_uuid(Jobs::Id))
            .col(text(Jobs::Kind))
            .col(text(Jobs::Payload))
            .col(integer(Jobs::Attempts))
            .col(timestamp_with_time_zone(Jobs::RunAt))
            .col(uuid_null(Jobs::LeaseId))
            .col(text_null(Jobs::LastError))
            .col(timestamp_with_time_zone(Jobs::CreatedAt))
            .col(timestamp_with_time_zone_null(Jobs::DiedAt));
        let only_here = if is_postgres { &[][..] } else { &ON_SQLITE };
        for condition in ON_BOTH.iter().chain(only_here) {
            table.check(Expr::cust(*condition));
        }
        let time = if is_postgres { TIME_ON_POSTGRES } else { TIME_ON_SQLITE };
        for column in TIMES {
            table.check(Expr::cust(time.replace('@', column)));
        }
        manager.create_table(table).await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Jobs::Table).to_owned()).await
    }
}
