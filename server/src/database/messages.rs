//! Messages between the servers of one PostgreSQL database: `NOTIFY` and `LISTEN`.

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, RuntimeErr, Statement,
    sqlx::{self, postgres::PgListener},
};
use tokio::time::Instant;

use super::{Database, reads::READ_TIMEOUT};

impl Database {
    /// Sends messages to every server that listens, this one included. Messages need not be
    /// durable, so the commit does not wait for the disk.
    ///
    /// # Errors
    /// When the database can't be reached or is an SQLite file.
    pub(crate) async fn notify(&self, channel: &str, messages: Vec<String>) -> Result<(), DbErr> {
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message, \
             (SELECT set_config('synchronous_commit', 'off', true)) AS durability",
            [channel.into(), messages.into()],
        );
        let sending = self.messages()?.execute_raw(statement);
        self.with_deadline(Instant::now() + READ_TIMEOUT, sending).await.map(drop)
    }

    /// Listens to all messages from now on.
    ///
    /// # Errors
    /// When the database can't be reached or is an SQLite file.
    pub(crate) async fn listen(&self, channel: &str) -> Result<PgListener, DbErr> {
        let pool = self.messages()?.get_postgres_connection_pool();
        let failed = |error: sqlx::Error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)));
        let listening = async {
            let mut listener = PgListener::connect_with(pool).await.map_err(failed)?;
            listener.listen(channel).await.map_err(failed)?;
            Ok(listener)
        };
        self.with_deadline(Instant::now() + READ_TIMEOUT, listening).await
    }
}
