//! Transactions of one caller, such as a sign-in.

use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::Instant;

use super::{Database, Fault};

/// Longest time for a transaction, from its start until it is committed.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

/// An error that may come from the database.
pub(crate) trait MayBeDatabaseError: From<DbErr> {
    fn database_error(&self) -> Option<&DbErr>;
}

impl MayBeDatabaseError for DbErr {
    fn database_error(&self) -> Option<&DbErr> {
        Some(self)
    }
}

/// Runs a transaction, and once more if its connection had prepared a statement for columns that
/// have changed. If it takes too long, it is given up together with its connection.
pub(crate) async fn within_transaction_timeout<T, E, F>(
    db: &Database,
    transaction: impl Fn() -> F,
) -> Result<T, E>
where
    E: MayBeDatabaseError,
    F: Future<Output = Result<T, E>>,
{
    db.with_deadline(Instant::now() + TRANSACTION_TIMEOUT, async {
        let result = transaction().await;
        let error = result.as_ref().err().and_then(E::database_error);
        if error.is_some_and(|error| Fault::of(error) == Fault::SchemaChanged) {
            db.schema_changed();
            return transaction().await;
        }
        result
    })
    .await
}
