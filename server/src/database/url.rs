//! The address of a database: checked when it is set, and shown without anything secret.

use std::{fmt, path::PathBuf, str::FromStr};

use anyhow::{Result, bail};
use url::Url;

/// The parameters of a PostgreSQL URL that sqlx knows, besides `options[…]`.
const PARAMETERS: [&str; 18] = [
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
];

/// The address of a database on one of the two engines.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The file's path.
    Sqlite(PathBuf),
    Postgres(PostgresUrl),
}

/// A `postgres://` URL that was parsed. Like those of libpq, it can name several nodes of one
/// cluster. Nothing but their hosts and ports and the database is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Vec<NodeUrl>);

/// The URL of one node.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct NodeUrl(Url);

impl PostgresUrl {
    /// The nodes in the order of the URL; at least one.
    pub(super) fn nodes(&self) -> &[NodeUrl] {
        &self.0
    }

    /// Parses a URL that starts with `postgres://`.
    fn parse(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_at("postgres://".len());
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let hosts_at = authority.rfind('@').map_or(0, |at| at + 1);
        let (user, hosts) = authority.split_at(hosts_at);
        let rest = &rest[authority.len()..];
        let mut nodes = Vec::new();
        for host in hosts.split(',') {
            nodes.extend(NodeUrl::parse(&format!("{scheme}{user}{host}{rest}"))?.split()?);
        }
        if nodes.len() > 1 && nodes.iter().any(|node| node.tcp_host().is_none()) {
            bail!(
                "where several nodes are named, each needs a host: postgres://one:5432,two:5432/d"
            );
        }
        Ok(Self(nodes))
    }
}

impl NodeUrl {
    /// The whole URL, with its password.
    pub(super) fn with_secrets(&self) -> &str {
        self.0.as_str()
    }

    fn parse(url: &str) -> Result<Self> {
        const ENCODE: &str =
            "write the characters / ? # @ : % of a user or a password as %2F %3F %23 %40 %3A %25";
        let Ok(mut url) = Url::parse(url) else {
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
        // sqlx ignores other parameters, and logs their values, which can be a misspelt password.
        let is_known = |name: &str| PARAMETERS.contains(&name) || name.starts_with("options[");
        let known: Vec<(String, String)> =
            url.query_pairs().into_owned().filter(|(name, _)| is_known(name)).collect();
        url.set_query(None);
        if !known.is_empty() {
            url.query_pairs_mut().extend_pairs(known);
        }
        Ok(Self(url))
    }

    /// The nodes that the parameters `host` and `port` name: `host=one,two&port=5432,5433`.
    fn split(self) -> Result<Vec<Self>> {
        let list = |name| self.parameter(name).unwrap_or_default();
        let (hosts, ports) = (list("host"), list("port"));
        let hosts: Vec<&str> = hosts.split(',').collect();
        let ports: Vec<&str> = ports.split(',').collect();
        if hosts.len() == 1 && ports.len() == 1 {
            return Ok(vec![self]);
        }
        if ports.len() != 1 && ports.len() != hosts.len() {
            bail!("its parameter port must have one value, or one for each host");
        }
        let node = |(index, host): (usize, &&str)| {
            let mut url = self.0.clone();
            let port = ports.get(index).unwrap_or(&ports[0]);
            let others = self.0.query_pairs().filter(|(name, _)| name != "host" && name != "port");
            let own = [("host", *host), ("port", *port)];
            let own = own.into_iter().filter(|(_, value)| !value.is_empty());
            url.query_pairs_mut().clear().extend_pairs(others).extend_pairs(own);
            Self(url)
        };
        Ok(hosts.iter().enumerate().map(node).collect())
    }

    /// The host, unless it is this machine's by default, or a folder with a socket.
    fn tcp_host(&self) -> Option<String> {
        let host = self.0.host_str().map(str::to_owned);
        let host = self.parameter("hostaddr").or_else(|| self.parameter("host")).or(host);
        host.filter(|host| !host.is_empty() && !host.starts_with(['/', '%']))
    }

    /// The host and the port, as in a URL.
    fn host_and_port(&self) -> String {
        let host = self.parameter("hostaddr").or_else(|| self.parameter("host"));
        let host = host.unwrap_or_else(|| self.0.host_str().unwrap_or_default().to_owned());
        let port = self.0.port().map(|port| port.to_string());
        match self.parameter("port").or(port) {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    fn database(&self) -> String {
        let in_path = || self.0.path().trim_start_matches('/').to_owned();
        self.parameter("dbname").unwrap_or_else(in_path)
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

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}/{}", self.host_and_port(), self.database())
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<String> = self.0.iter().map(NodeUrl::host_and_port).collect();
        let database = self.0.first().map(NodeUrl::database).unwrap_or_default();
        write!(f, "postgres://{}/{database}", nodes.join(","))
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

    /// The URLs of the nodes, with their secrets.
    fn nodes(url: &DatabaseUrl) -> Vec<&str> {
        let DatabaseUrl::Postgres(url) = url else { panic!("{url}") };
        url.nodes().iter().map(NodeUrl::with_secrets).collect()
    }

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
        assert_eq!(nodes(&url), ["postgres://u@h/d"]);
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
            ("postgres://u:s3,cret@a:1,[::1],b/d?password=x", "postgres://a:1,[::1],b/d"),
        ] {
            let url: DatabaseUrl = url.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
    }

    #[test]
    fn several_nodes_are_named_as_libpq_does() {
        for (url, expected) in [
            (
                "postgres://u:p,w@one:5432,two,[::1]:5433/d?sslmode=require",
                vec![
                    "postgres://u:p,w@one:5432/d?sslmode=require",
                    "postgres://u:p,w@two/d?sslmode=require",
                    "postgres://u:p,w@[::1]:5433/d?sslmode=require",
                ],
            ),
            (
                "postgres:///d?user=u&host=one,two&port=1,2&target_session_attrs=read-write",
                vec![
                    "postgres:///d?user=u&host=one&port=1",
                    "postgres:///d?user=u&host=two&port=2",
                ],
            ),
            (
                "postgresql:///d?host=one,two&port=7",
                vec!["postgres:///d?host=one&port=7", "postgres:///d?host=two&port=7"],
            ),
        ] {
            assert_eq!(nodes(&url.parse().unwrap()), expected, "{url}");
        }
        for url in [
            "postgres://one,/d",
            "postgres://one,two:port/d",
            "postgres:///d?host=one,two&port=1,2,3",
            "postgres:///d?host=/run/postgresql,two",
            "postgres:///d?port=1,2",
        ] {
            assert!(url.parse::<DatabaseUrl>().is_err(), "{url}");
        }
    }

    #[test]
    fn a_parameter_that_sqlx_does_not_know_never_reaches_it() {
        let url = "postgres://u@h/d?channel_binding=require&passwrod=s3cret&sslmode=prefer";
        assert_eq!(nodes(&url.parse().unwrap()), ["postgres://u@h/d?sslmode=prefer"]);
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
            "postgres://u:s3cret@h:1,i:port/d",
            "postgres://u:5432,s3cret#@h/d",
        ] {
            let error = url.parse::<DatabaseUrl>().unwrap_err();
            let error = format!("{error:#} {error:?}");
            assert!(!error.contains("s3cret") && !error.contains("5432"), "{url}: {error}");
        }
    }
}
