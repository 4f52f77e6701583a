//! Settings of the HTTP server: how clients reach it, and how much one client may use.

use std::{path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context, Result};
use axum::http::{HeaderName, HeaderValue};
use clap::{Args, builder::RangedU64ValueParser};
use url::Url;

use crate::graphql::CookieSameSite;

/// Settings of the HTTP server: how clients reach it, and how much one client may use.
#[derive(Clone, Debug, Args)]
pub struct HttpArgs {
    /// Header in which the proxy in front of this server puts the client's address, such as
    /// `x-forwarded-for`, `forwarded` or `x-real-ip`; of several addresses, the last one counts.
    /// Without this setting, and for a request whose header names no address, the connection's own
    /// address counts. Set it only if every request comes through that proxy, because anybody can
    /// send such a header
    #[arg(long, env, value_name = "NAME")]
    pub client_address_header: Option<HeaderName>,

    /// Web origins besides Rowlock's own that may call the API from a browser, separated by commas
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "ORIGIN,…")]
    pub allowed_origins: Origins,

    /// Sites whose pages may use sessions. With `none`, pages of other sites can refresh a session if
    /// their origin is allowed; the cookies are then sent with every request to this server, and each
    /// site has a session of its own
    #[arg(long, env, value_enum, default_value_t = CookieSameSite::Strict)]
    pub refresh_cookie_same_site: CookieSameSite,

    /// Folder with the built web client, in place of the one in the program. A program without one
    /// looks in web/dist, and serves the API alone if there is none either
    #[arg(long, env, value_name = "DIR")]
    pub web_dir: Option<PathBuf>,

    /// Folder with the texts of the site's own pages: help.md, terms.md, privacy.md and refunds.md. A
    /// page whose file is missing has the text that came with the program
    #[arg(long, env, value_name = "DIR")]
    pub pages_dir: Option<PathBuf>,

    /// Largest request body, and largest message on a WebSocket, in bytes
    #[arg(
        long,
        env,
        default_value_t = 65_536,
        value_name = "BYTES",
        value_parser = RangedU64ValueParser::<usize>::new().range(1_000..)
    )]
    pub max_body_bytes: usize,

    /// Largest picture of an event that an organizer may send, in bytes
    #[arg(
        long,
        env,
        default_value_t = 5_000_000,
        value_name = "BYTES",
        value_parser = RangedU64ValueParser::<usize>::new().range(1_000..=50_000_000)
    )]
    pub max_cover_bytes: usize,

    /// Largest head of a request, in bytes
    #[arg(
        long,
        env,
        default_value_t = 16_384,
        value_name = "BYTES",
        value_parser = RangedU64ValueParser::<usize>::new().range(8_192..=1_000_000)
    )]
    pub max_head_bytes: usize,

    /// Connections that may be open at the same time. If the system allows the process fewer open
    /// files, there are fewer
    #[arg(
        long,
        env,
        default_value_t = 20_000,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(10..)
    )]
    pub max_connections: u32,

    /// Subscriptions that one WebSocket may have at the same time
    #[arg(
        long,
        env,
        default_value_t = 100,
        value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..)
    )]
    pub max_subscriptions_per_socket: usize,

    /// Seconds within which a WebSocket must send `connection_init`
    #[arg(
        long,
        env,
        default_value_t = 10,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=3_600)
    )]
    pub socket_init_seconds: u64,

    /// Seconds between two pings of a WebSocket; the connection of a socket that stays silent in
    /// between is ended
    #[arg(
        long,
        env,
        default_value_t = 30,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=3_600)
    )]
    pub socket_ping_seconds: u64,

    /// Seconds within which a request's head must arrive, and then its body; the picture of an event
    /// has three times as long. A connection is also closed after this time if its client sends no
    /// request or reads nothing of its answer
    #[arg(
        long,
        env,
        default_value_t = 20,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=3_600)
    )]
    pub request_seconds: u64,
}

impl HttpArgs {
    /// Longest time for a request's head or body to arrive, and for a client to read a part of its
    /// answer.
    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }

    pub(super) fn socket_timeouts(&self) -> SocketTimeouts {
        SocketTimeouts {
            init: Duration::from_secs(self.socket_init_seconds),
            ping_interval: Duration::from_secs(self.socket_ping_seconds),
        }
    }
}

/// The time limits of a socket that is silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct SocketTimeouts {
    /// Longest time until `connection_init` arrives.
    pub(super) init: Duration,
    /// Time between two pings.
    pub(super) ping_interval: Duration,
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
    let rest = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"))
        .with_context(|| format!("{origin:?} does not start with https:// or http://"))?;
    let has_only_host_and_port = !rest.contains(['/', '\\', '?', '#', '@', '*']);
    let url = Url::parse(origin).ok().filter(|_| has_only_host_and_port).with_context(|| {
        format!(
            "{origin:?} must be a scheme, a host and an optional port, as in https://a.example:8443"
        )
    })?;
    // Browsers send it in lower case, without a default port, and with other alphabets encoded.
    Ok(HeaderValue::from_str(&url.origin().ascii_serialization())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origins: Origins = "https://a.example:8443, http://b.example,".parse().unwrap();
        assert_eq!(origins.0, ["https://a.example:8443", "http://b.example"]);
        assert_eq!("".parse::<Origins>().unwrap(), Origins::default());
        for (origin, sent) in [
            ("HTTPS://A.Example", None),
            ("https://A.Example:443", Some("https://a.example")),
            ("http://[2001:DB8::1]:80", Some("http://[2001:db8::1]")),
            ("https://bücher.example", Some("https://xn--bcher-kva.example")),
        ] {
            let origins = origin.parse::<Origins>().ok();
            assert_eq!(origins.as_ref().map(|origins| origins.0[0].to_str().unwrap()), sent);
        }
        for origin in [
            "*",
            "a.example",
            "https://",
            "https://:80",
            "https://a.example/",
            "https://a.example?",
            "https://a.example:99999",
            "https://a.example:port",
            "https://me@a.example",
            "https://*.example",
        ] {
            assert!(origin.parse::<Origins>().is_err(), "{origin}");
        }
    }
}
