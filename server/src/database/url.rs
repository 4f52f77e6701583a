//! The address of a database: checked when it is set, and shown without anything secret.

use std::{fmt, path::PathBuf, str::FromStr};

use anyhow::{Result, bail};
use url::Url;

/// The parameters of a PostgreSQL URL that sqlx knows. It logs others with their values, which can
/// be a misspelt password.
const PARAMETERS: [&str; 20] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
    "gssencmode",
    "connect_timeout",
];

/// The address of a database on one of the two engines.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The file's path.
    Sqlite(PathBuf),
    Postgres(PostgresUrl),
}

/// A `postgres://` URL that was parsed. Nothing but its host, port and database is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Url);

impl PostgresUrl {
    /// The whole URL, with its password.
    pub(super) fn with_secrets(&self) -> &str {
        self.0.as_str()
    }

    fn parse(url: &str) -> Result<Self> {
        const ENCODE: &str =
            "write the characters / ? # @ : % of a user or a password as %2F %3F %23 %40 %3A %25";
        let Ok(url) = Url::parse(url) else {
            // The parser's own words can quote a part of the password.
            bail!("it can't be parsed; {ENCODE}");
        };
        // Each of these appears where a password was taken for another part of the URL.
        let database = url.path().trim_start_matches('/');
        let is_misread = url.fragment().is_some()
            || database.contains(['/', '@', ':'])
            || url.query_pairs().any(|(name, _)| name.contains('@'));
        if is_misread {
            bail!("it has more parts than user, password, host, port and database; {ENCODE}");
        }
        for (name, _) in url.query_pairs() {
            if !PARAMETERS.contains(&&*name) && !name.starts_with("options[") {
                bail!("it has a parameter that is not known; known are {}", PARAMETERS.join(", "));
            }
        }
        Ok(Self(url))
    }

    /// The value of a parameter. The last one counts.
    fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.0.query_pairs().filter(|(found, _)| found == name);
        pairs.last().map(|(_, value)| value.into_owned())
    }
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
            return PostgresUrl::parse(&format!("postgres://{rest}")).map(Self::Postgres);
        }
        bail!("it must start with sqlite: or postgres://")
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_url = |part: Option<&str>| part.unwrap_or_default().to_owned();
        let host = self.parameter("hostaddr").or_else(|| self.parameter("host"));
        write!(f, "postgres://{}", host.unwrap_or_else(|| in_url(self.0.host_str())))?;
        let port = self.0.port().map(|port| port.to_string());
        if let Some(port) = self.parameter("port").or(port) {
            write!(f, ":{port}")?;
        }
        let database = self.parameter("dbname");
        write!(f, "/{}", database.unwrap_or_else(|| in_url(self.0.path().strip_prefix('/'))))
    }
}

impl fmt::Debug for PostgresUrl {
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
        let url = "postgresql://u@h/d".parse::<DatabaseUrl>().unwrap();
        assert!(
            matches!(url, DatabaseUrl::Postgres(url) if url.with_secrets() == "postgres://u@h/d")
        );
        for url in ["", "mysql://h/d", "sqlite:", "sqlite::memory:", "postgres://"] {
            assert!(url.parse::<DatabaseUrl>().is_err(), "{url}");
        }
    }

    #[test]
    fn only_host_port_and_database_of_a_url_are_shown() {
        for (url, shown) in [
            ("postgres://bob:s3cr%40t@db:5432/d?password=s3cret", "postgres://db:5432/d"),
            ("postgres://db/d?user=a@corp&password=s3cret", "postgres://db/d"),
            ("postgres://u:s3cret@h:1/d?host=other&port=2&dbname=e", "postgres://other:2/e"),
            ("postgres:///d?host=/run/postgresql&user=u", "postgres:///run/postgresql/d"),
            ("postgres://u:s3cret@[::1]:5432/d?sslmode=require", "postgres://[::1]:5432/d"),
        ] {
            let url: DatabaseUrl = url.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
    }

    #[test]
    fn a_password_is_shown_nowhere_however_it_is_misread() {
        for url in [
            "postgres://u:s3cret#1@h/d",
            "postgres://u:s3cret?1@h/d",
            "postgres://u:s3cret/1@h/d",
            "postgres://u:5432#s3cret@h/d",
            "postgres://u:5432/s3cret@h/d",
            "postgres://u:5432?s3cret@h/d",
            "postgres://u:s3cret@h:port/d",
            "postgres://u@h/d?passwrod=s3cret",
            "postgres://u@h/d?s3cret",
        ] {
            let error = url.parse::<DatabaseUrl>().unwrap_err();
            let error = format!("{error:#} {error:?}");
            assert!(!error.contains("s3cret") && !error.contains("5432"), "{url}: {error}");
        }
    }
}
