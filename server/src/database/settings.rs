//! Settings for the database: its address, and the number of connections to it.

use std::{fmt, path::PathBuf, str::FromStr};

use anyhow::{Result, bail};
use clap::Args;

/// Settings for the database.
#[derive(Clone, Debug, Args)]
pub struct DatabaseArgs {
    /// `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`
    #[arg(
        long,
        env,
        default_value = "sqlite:data/rowlock.db",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_url: DatabaseUrl,

    /// A PostgreSQL standby of the database. It answers lists and searches of events while it is
    /// reachable and less than five seconds behind; no decision is made from it
    #[arg(long, env, value_name = "URL", hide_env_values = true)]
    pub database_replica_url: Option<DatabaseUrl>,

    /// Number of connections for reading by key; there are as many again for lists and searches,
    /// and to the standby
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

/// The address of a database on one of the two engines.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The file's path.
    Sqlite(PathBuf),
    /// A whole `postgres://` URL.
    Postgres(String),
}

impl FromStr for DatabaseUrl {
    type Err = anyhow::Error;

    fn from_str(url: &str) -> Result<Self> {
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            let path = path.split_once('?').map_or(path, |(path, _)| path);
            if path.is_empty() || path == ":memory:" {
                bail!(
                    "name a file, as in sqlite:data/rowlock.db; bookings can't be kept in memory"
                );
            }
            return Ok(Self::Sqlite(path.into()));
        }
        if let Some(rest) =
            url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"))
        {
            if rest.is_empty() {
                bail!("name a host and a database, as in postgres://user:password@host/rowlock");
            }
            return Ok(Self::Postgres(format!("postgres://{rest}")));
        }
        bail!("it must start with sqlite: or postgres://")
    }
}

/// Leaves out credentials and options, which a log must not hold.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => {
                let shown = url.rsplit_once('@').map_or_else(
                    || url.trim_start_matches("postgres://"),
                    |(_credentials, rest)| rest,
                );
                let shown = shown.split_once('?').map_or(shown, |(shown, _)| shown);
                write!(f, "postgres://{shown}")
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_url_names_one_of_the_two_engines() {
        for (url, file) in [
            ("sqlite:data/a.db", "data/a.db"),
            ("sqlite://data/a.db?mode=rwc", "data/a.db"),
            ("sqlite:///var/a.db", "/var/a.db"),
        ] {
            assert_eq!(url.parse::<DatabaseUrl>().unwrap(), DatabaseUrl::Sqlite(file.into()));
        }
        assert_eq!(
            "postgresql://u@h/d".parse::<DatabaseUrl>().unwrap(),
            DatabaseUrl::Postgres("postgres://u@h/d".into())
        );
        for url in ["", "mysql://h/d", "sqlite:", "sqlite::memory:", "postgres://"] {
            assert!(url.parse::<DatabaseUrl>().is_err(), "{url}");
        }
    }

    #[test]
    fn a_shown_database_url_has_no_password() {
        let url: DatabaseUrl = "postgres://bob:s3cr@t@db:5432/d?password=x".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://db:5432/d");
        assert_eq!(format!("{url:?}"), "postgres://db:5432/d");
    }
}
