//! What some settings hold: addresses, secrets and origins, each checked when it is read.

use std::{fmt, path::PathBuf, str::FromStr};

use anyhow::{Context, Result, bail};
use axum::http::HeaderValue;

/// A database address that one of the two engines understands.
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
                bail!("name a file, as in sqlite:data/rowlock.db; bookings do not live in memory");
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
        bail!("it starts with sqlite: or postgres://")
    }
}

// Both leave out what a log must not hold: a PostgreSQL URL can carry a password.
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

/// At least 32 bytes that only the servers know.
#[derive(Clone)]
pub struct JwtSecret(Vec<u8>);

impl JwtSecret {
    const SHORTEST: usize = 32;

    /// A secret that no one else has; tokens signed with it end with this process.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random::<[u8; 32]>().to_vec())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for JwtSecret {
    type Err = anyhow::Error;

    fn from_str(secret: &str) -> Result<Self> {
        if secret.len() < Self::SHORTEST {
            bail!(
                "it needs {} bytes or more and has {}; `openssl rand -base64 48` makes a good one",
                Self::SHORTEST,
                secret.len()
            );
        }
        Ok(Self(secret.as_bytes().to_vec()))
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(…)")
    }
}

/// The keys of access tokens.
#[derive(Clone, Debug)]
pub struct JwtSecrets {
    /// Signs them.
    pub signing: JwtSecret,
    /// Those that it signed are good as well.
    pub accepted: Option<JwtSecret>,
}

impl From<JwtSecret> for JwtSecrets {
    fn from(signing: JwtSecret) -> Self {
        Self { signing, accepted: None }
    }
}

/// Web origins such as `https://tickets.example.org`, as browsers send them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(pub Vec<HeaderValue>);

impl FromStr for Origins {
    type Err = anyhow::Error;

    fn from_str(origins: &str) -> Result<Self> {
        origins
            .split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .map(origin_header)
            .collect::<Result<_>>()
            .map(Self)
    }
}

fn origin_header(origin: &str) -> Result<HeaderValue> {
    let host = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"))
        .with_context(|| format!("{origin:?} does not start with https:// or http://"))?;
    if host.is_empty() || host.contains(['/', '*', '@', ' ']) {
        bail!(
            "{origin:?} is not a scheme, a host and perhaps a port, as in https://a.example:8443"
        );
    }
    Ok(HeaderValue::from_str(&origin.to_ascii_lowercase())?)
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

    #[test]
    fn a_short_jwt_secret_is_refused_and_a_good_one_is_never_shown() {
        assert!("x".repeat(31).parse::<JwtSecret>().is_err());
        let secret: JwtSecret = "x".repeat(32).parse().unwrap();
        assert!(!format!("{secret:?}").contains('x'));
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origins: Origins = "https://a.example:8443, http://b.example,".parse().unwrap();
        assert_eq!(origins.0, ["https://a.example:8443", "http://b.example"]);
        assert_eq!("".parse::<Origins>().unwrap(), Origins::default());
        for origin in ["*", "a.example", "https://", "https://a.example/", "https://*.example"] {
            assert!(origin.parse::<Origins>().is_err(), "{origin}");
        }
    }
}
