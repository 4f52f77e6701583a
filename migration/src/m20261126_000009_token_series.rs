//! Lets a session recognise all refresh tokens that it ever had, although it keeps only a few rows.
//!
//! The tokens of a session begin with the same bytes, its series. Sessions from before have no
//! series until their next token is issued.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Sessions {
    Table,
    SeriesHash,
}

#[derive(DeriveIden)]
enum RefreshTokens {
    Table,
    Nonce,
    VoidedAt,
}

const BY_SERIES: &str = "sessions_series_hash";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing, with the record that it was made.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let series_hash = binary_len_null(Sessions::SeriesHash, 32);
        manager
            .alter_table(Table::alter().table(Sessions::Table).add_column(series_hash).to_owned())
            .await?;
        manager
            .create_index(
                Index::create()
                    .name(BY_SERIES)
                    .table(Sessions::Table)
                    .col(Sessions::SeriesHash)
                    .unique()
                    .to_owned(),
            )
            .await?;
        // SQLite adds one column at a time.
        for column in [
            binary_len_null(RefreshTokens::Nonce, 16),
            timestamp_with_time_zone_null(RefreshTokens::VoidedAt),
        ] {
            manager
                .alter_table(
                    Table::alter().table(RefreshTokens::Table).add_column(column).to_owned(),
                )
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [RefreshTokens::VoidedAt, RefreshTokens::Nonce] {
            manager
                .alter_table(
                    Table::alter().table(RefreshTokens::Table).drop_column(column).to_owned(),
                )
                .await?;
        }
        manager.drop_index(Index::drop().name(BY_SERIES).table(Sessions::Table).to_owned()).await?;
        manager
            .alter_table(
                Table::alter().table(Sessions::Table).drop_column(Sessions::SeriesHash).to_owned(),
            )
            .await
    }
}
