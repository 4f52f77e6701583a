//! Runs the statements of a migration in one transaction. PostgreSQL has one around all migrations
//! already; on SQLite, a migration that fails halfway would otherwise leave its first half.

use sea_orm_migration::{prelude::*, sea_orm::TransactionTrait};

pub(crate) async fn execute_all(
    manager: &SchemaManager<'_>,
    statements: Vec<String>,
) -> Result<(), DbErr> {
    let transaction = manager.get_connection().begin().await?;
    for statement in statements {
        transaction.execute_unprepared(&statement).await?;
    }
    transaction.commit().await
}
