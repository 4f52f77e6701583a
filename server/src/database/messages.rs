//! Messages between the servers of one PostgreSQL database: `NOTIFY` and `LISTEN`.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, Statement,
    sqlx::{self, postgres::PgListener},
};
use tokio::time::Instant;

use super::{Database, fault::driver_error, reads::READ_TIMEOUT};

/// The full name of the channel `$1`, in SQL. A channel belongs to a database, which may hold
/// several installations, each in its own schema, so the name ends with the id of the schema that
/// has the tables.
macro_rules! channel_of_schema {
    () => {
        "$1::text || '_' || (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('events'))"
    };
}

impl Database {
    /// Sends messages to every server of this installation, this one included. They need not be
    /// durable, so the commit does not wait for the disk.
    ///
    /// # Errors
    /// When the database can't be reached or is an SQLite file.
    pub(crate) async fn notify(&self, channel: &str, messages: Vec<String>) -> Result<(), DbErr> {
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            concat!(
                "SELECT pg_notify(",
                channel_of_schema!(),
                ", message) FROM unnest($2::text[]) AS message, ",
                "(SELECT set_config('synchronous_commit', 'off', true)) AS durability"
            ),
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
        let listening = async {
            let mut listener = PgListener::connect_with(pool).await.map_err(driver_error)?;
            let channel: String = sqlx::query_scalar(concat!("SELECT ", channel_of_schema!()))
                .bind(channel)
                .fetch_one(&mut listener)
                .await
                .map_err(driver_error)?;
            listener.listen(&channel).await.map_err(driver_error)?;
            Ok(listener)
        };
        self.with_deadline(Instant::now() + READ_TIMEOUT, listening).await
    }
}
