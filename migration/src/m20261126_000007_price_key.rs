//! Adds a price that can be compared across currencies, and an index for the order by price.
//!
//! Currencies have no, two, three or four decimals, so minor units of two currencies are not
//! comparable. The key is the price in ten-thousandths. The database computes it, so it is right
//! whoever writes a row. The index by minor units stays, because servers of the previous version
//! still use it.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The currencies of ISO 4217 that don't have two decimals. A currency that is not on these lists
/// counts as having two, as in Rowlock's prices.
const KEY: &str = "price_minor * CASE \
    WHEN currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', \
    'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 10000 \
    WHEN currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 10 \
    WHEN currency IN ('CLF', 'UYW') THEN 1 \
    ELSE 100 END";

/// The largest price whose key fits into 64 bits in every currency: a hundred million millions.
const MAX_PRICE_MINOR: i64 = 100_000_000_000_000;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing, with the record that it was made.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let backend = manager.get_database_backend();
        let too_large =
            format!("SELECT COUNT(*) FROM events WHERE price_minor > {MAX_PRICE_MINOR}");
        let row = db
            .query_one_raw(sea_orm_migration::sea_orm::Statement::from_string(backend, too_large))
            .await?;
        let too_large: i64 =
            row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
        if too_large > 0 {
            return Err(DbErr::Migration(format!(
                "{too_large} events have a price_minor above {MAX_PRICE_MINOR}. Lower it or delete \
                 them, and migrate again."
            )));
        }
        let kind = match backend {
            DbBackend::Postgres => "STORED",
            _ => "VIRTUAL",
        };
        let mut statements = vec![
            format!(
                "ALTER TABLE events ADD COLUMN price_key bigint GENERATED ALWAYS AS ({KEY}) {kind}"
            ),
            "CREATE INDEX events_by_price_key ON events (price_key, id)".to_owned(),
        ];
        if backend == DbBackend::Postgres {
            statements.push(format!(
                "ALTER TABLE events ADD CONSTRAINT events_max_price \
                 CHECK (price_minor <= {MAX_PRICE_MINOR})"
            ));
        }
        for statement in statements {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared("ALTER TABLE events DROP CONSTRAINT events_max_price").await?;
        }
        db.execute_unprepared("DROP INDEX events_by_price_key").await?;
        db.execute_unprepared("ALTER TABLE events DROP COLUMN price_key").await.map(drop)
    }
}
