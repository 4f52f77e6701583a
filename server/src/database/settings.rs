//! Settings for the database: its address, and the number of connections to it.

use clap::Args;

use super::url::DatabaseUrl;

/// Settings for the database.
#[derive(Clone, Debug, Args)]
pub struct DatabaseArgs {
    /// `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`. Several nodes of a cluster are
    /// `HOST:PORT,HOST:PORT`; the one that takes writes is used
    #[arg(
        long,
        env,
        default_value = "sqlite:data/rowlock.db",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_url: DatabaseUrl,

    /// A PostgreSQL standby of the database, or several. It answers lists and searches of events while it is
    /// reachable and less than five seconds behind; no decision is made from it
    #[arg(long, env, value_name = "URL", hide_env_values = true)]
    pub database_replica_url: Option<DatabaseUrl>,

    /// Number of connections for reading by key; there are as many again for lists and searches,
    /// and to each standby
    #[arg(
        long,
        env,
        default_value_t = 8,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1000)
    )]
    pub database_read_connections: u32,

    /// Number of connections for transactions on PostgreSQL; SQLite has one writer
    #[arg(
        long,
        env,
        default_value_t = 16,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1000)
    )]
    pub database_write_connections: u32,
}
