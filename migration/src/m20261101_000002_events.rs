//! Events with their ticket counts, and an index for each order of the list.

use sea_orm_migration::{
    prelude::*,
    schema::*,
    sea_orm::{ConnectionTrait, DbBackend, Statement},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
pub(crate) enum Events {
    Table,
    Id,
    Title,
    TitleKey,
    Description,
    Venue,
    StartsAt,
    TotalTickets,
    RemainingTickets,
    CountVersion,
    PriceMinor,
    Currency,
    CreatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let postgres = manager.get_database_backend() == DbBackend::Postgres;

        // Compares bytes on both engines, so that pages and cursors do not depend on a locale.
        let mut title_key = text(Events::TitleKey);
        if postgres {
            title_key.extra("COLLATE \"C\"");
        }
        let within_total = Expr::col(Events::RemainingTickets)
            .gte(0)
            .and(Expr::col(Events::RemainingTickets).lte(Expr::col(Events::TotalTickets)));

        manager
            .create_table(
                Table::create()
                    .table(Events::Table)
                    .col(pk_uuid(Events::Id))
                    .col(text(Events::Title))
                    .col(title_key)
                    .col(text(Events::Description))
                    .col(text(Events::Venue))
                    .col(timestamp_with_time_zone(Events::StartsAt))
                    .col(integer(Events::TotalTickets))
                    .col(integer(Events::RemainingTickets))
                    .col(big_integer(Events::CountVersion).default(0))
                    .col(big_integer(Events::PriceMinor))
                    .col(text(Events::Currency))
                    .col(timestamp_with_time_zone(Events::CreatedAt))
                    // The limit keeps cursors short, because a cursor contains the title.
                    .check((
                        "events_title",
                        Expr::expr(Func::char_length(Expr::col(Events::Title))).lte(200),
                    ))
                    .check(("events_total_tickets", Expr::col(Events::TotalTickets).gte(0)))
                    .check(("events_remaining_tickets", within_total))
                    .check(("events_count_version", Expr::col(Events::CountVersion).gte(0)))
                    .check(("events_price_minor", Expr::col(Events::PriceMinor).gte(0)))
                    .check((
                        "events_currency",
                        Expr::expr(Func::char_length(Expr::col(Events::Currency))).eq(3),
                    ))
                    .to_owned(),
            )
            .await?;

        // One index per order. Each serves both directions.
        for (name, key) in [
            ("events_by_date", Events::StartsAt),
            ("events_by_price", Events::PriceMinor),
            ("events_by_title", Events::TitleKey),
        ] {
            manager
                .create_index(
                    Index::create()
                        .name(name)
                        .table(Events::Table)
                        .col(key)
                        .col(Events::Id)
                        .to_owned(),
                )
                .await?;
        }

        // Finds a part of a title without reading every title. A later migration adds SQLite's.
        if postgres {
            let db = manager.get_connection();
            let schema = ensure_trigrams(db).await?;
            db.execute_unprepared(&format!(
                "CREATE INDEX events_title_search ON events \
                 USING gin (title_key {schema}.gin_trgm_ops)"
            ))
            .await?;
        }
        Ok(())
    }

    // The extension pg_trgm stays, because another schema of the database may use it.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Events::Table).to_owned()).await
    }
}

/// Creates the extension pg_trgm unless it is there. Returns its schema, quoted: somebody else may
/// have created it in one that is not in the `search_path`.
pub(crate) async fn ensure_trigrams(db: &impl ConnectionTrait) -> Result<String, DbErr> {
    if let Some(schema) = schema_of_trigrams(db).await? {
        return Ok(schema);
    }
    let created = db.execute_unprepared("CREATE EXTENSION IF NOT EXISTS pg_trgm").await;
    created.map_err(|error| {
        DbErr::Custom(format!(
            "the extension pg_trgm can't be created ({error}): have PostgreSQL's contrib modules \
             installed, and a superuser run CREATE EXTENSION pg_trgm in this database"
        ))
    })?;
    let missing = || DbErr::Custom("the extension pg_trgm was not created".to_owned());
    schema_of_trigrams(db).await?.ok_or_else(missing)
}

async fn schema_of_trigrams(db: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    let sql = "SELECT quote_ident(nspname), has_schema_privilege(pg_namespace.oid, 'USAGE'), \
               quote_ident(current_user) FROM pg_extension \
               JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_trgm'";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    let Some(row) = row else { return Ok(None) };
    let (schema, user): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(2)?);
    match row.try_get_by_index(1)? {
        true => Ok(Some(schema)),
        false => Err(DbErr::Custom(format!(
            "the extension pg_trgm is in a schema that this user may not use: have GRANT USAGE ON \
             SCHEMA {schema} TO {user} run in this database"
        ))),
    }
}
