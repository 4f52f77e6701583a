//! Settings for mail.

use std::{fmt, num::NonZeroU32, path::PathBuf, str::FromStr};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use lettre::message::Mailbox;
use url::{Host, Url};

/// Settings for mail.
#[derive(Clone, Debug, Args)]
pub struct MailArgs {
    /// Address at which people reach this site, which mails link to, such as https://tickets.example.org
    #[arg(long, env, default_value = Self::PUBLIC_URL, value_name = "URL")]
    pub public_url: PublicUrl,

    /// The SMTP server that mails are given to: `smtps://USER:PASSWORD@HOST`,
    /// `smtp://USER:PASSWORD@HOST?tls=required` for STARTTLS, or `smtp://localhost` without TLS.
    /// Without this setting, mails are written to files in MAIL_DIR
    #[arg(
        long,
        env,
        value_name = "URL",
        hide_env_values = true,
        requires_all = ["mail_from", "public_url"]
    )]
    pub smtp_url: Option<SmtpUrl>,

    /// The sender of mails, such as `Tickets <tickets@example.org>`
    #[arg(long, env, default_value = Self::MAIL_FROM, value_name = "ADDRESS", value_parser = sender)]
    pub mail_from: Mailbox,

    /// Folder for mails that are written to files
    #[arg(long, env, default_value = Self::MAIL_DIR, value_name = "DIR")]
    pub mail_dir: PathBuf,

    /// Largest number of files in MAIL_DIR; the oldest are removed
    #[arg(
        long,
        env,
        default_value_t = Self::MAX_MAIL_FILES,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub max_mail_files: u32,

    /// Mails that this server sends each second at most. Mail servers limit how many they accept
    #[arg(
        long,
        env,
        default_value_t = Self::MAILS_PER_SECOND,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    pub mails_per_second: u32,

    /// Mails about bookings that go in an hour to somebody who has not confirmed the address. Others
    /// wait, so that nobody can have a stranger flooded by registering the stranger's address
    #[arg(long, env, default_value = "30", value_name = "N")]
    pub mails_per_hour_per_unverified_user: NonZeroU32,

    /// Seconds within which the SMTP server must take a mail, before it is tried again later
    #[arg(
        long,
        env,
        default_value_t = Self::SMTP_SECONDS,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=60)
    )]
    pub smtp_seconds: u64,
}

impl MailArgs {
    const PUBLIC_URL: &str = "http://127.0.0.1:8080";
    const MAIL_FROM: &str = "rowlock@localhost";
    const MAIL_DIR: &str = "data/mail";
    const MAX_MAIL_FILES: u32 = 10_000;
    const MAILS_PER_SECOND: u32 = 20;
    const SMTP_SECONDS: u64 = 30;
}

fn sender(text: &str) -> Result<Mailbox> {
    text.parse().map_err(|_| anyhow!("use an address such as `Tickets <tickets@example.org>`"))
}

/// An address of a site: its scheme, host and port, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address of a page or a file of the site.
    pub(crate) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for PublicUrl {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let url = Url::parse(text).context("use an address such as https://tickets.example.org")?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            bail!("it must start with http:// or https://");
        }
        let is_plain = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !is_plain {
            bail!("leave out everything after the host and port");
        }
        Ok(Self(url.origin().ascii_serialization()))
    }
}

/// The address of an SMTP server, which may have a password in it.
#[derive(Clone)]
pub struct SmtpUrl(pub(super) String);

impl SmtpUrl {
    /// The server's host, and its port if the URL says it.
    pub(crate) fn server(&self) -> String {
        let url = Url::parse(&self.0).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        match url.as_ref().and_then(Url::port) {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

impl FromStr for SmtpUrl {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let url = Url::parse(text).context("use an address such as smtps://USER:PASSWORD@HOST")?;
        if !matches!(url.scheme(), "smtp" | "smtps") {
            bail!("it must start with smtp:// or smtps://");
        }
        let is_plain = matches!(url.path(), "" | "/")
            && url.fragment().is_none()
            && url.query_pairs().all(|(key, _)| key == "tls");
        if !is_plain {
            bail!(
                "only ?tls=required may follow the host and port; in a name or a password, write / \
                 as %2F, ? as %3F and # as %23"
            );
        }
        let tls = url.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value);
        let is_encrypted = url.scheme() == "smtps" || tls.is_some_and(|tls| tls == "required");
        let has_password = !url.username().is_empty() || url.password().is_some();
        if has_password && !is_encrypted && !is_loopback(&url) {
            bail!(
                "it would send the password without encryption; start it with smtps://, or end it with \
                 ?tls=required"
            );
        }
        lettre::AsyncSmtpTransport::<lettre::Tokio1Executor>::from_url(text)
            .context("use an address such as smtps://USER:PASSWORD@HOST:PORT")?;
        Ok(Self(text.to_owned()))
    }
}

fn is_loopback(url: &Url) -> bool {
    // Hosts of schemes that browsers don't know are not parsed as addresses.
    match url.host() {
        Some(Host::Domain(host)) => {
            host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmtpUrl(…)")
    }
}

#[expect(clippy::unwrap_used, reason = "the constants are valid, as a test shows")]
impl Default for MailArgs {
    fn default() -> Self {
        Self {
            public_url: Self::PUBLIC_URL.parse().unwrap(),
            smtp_url: None,
            mail_from: Self::MAIL_FROM.parse().unwrap(),
            mail_dir: Self::MAIL_DIR.into(),
            max_mail_files: Self::MAX_MAIL_FILES,
            mails_per_second: Self::MAILS_PER_SECOND,
            mails_per_hour_per_unverified_user: "30".parse().unwrap(),
            smtp_seconds: Self::SMTP_SECONDS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_a_scheme_a_host_and_a_port() {
        for (text, link) in [
            ("https://tickets.example.org", "https://tickets.example.org/account"),
            ("http://localhost:8080/", "http://localhost:8080/account"),
            ("https://Bücher.example:443", "https://xn--bcher-kva.example/account"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().link("/account"), link);
        }
        for wrong in
            ["tickets.example.org", "ftp://a", "https://a/b", "https://a?b", "https://u@a", ""]
        {
            assert!(wrong.parse::<PublicUrl>().is_err(), "{wrong}");
        }
        assert_eq!(MailArgs::default().public_url.link(""), MailArgs::PUBLIC_URL);
    }

    #[test]
    fn no_password_is_sent_in_the_clear_or_shown() {
        for good in [
            "smtps://u:pw@mail.example.org",
            "smtp://u:pw@mail.example.org:587?tls=required",
            "smtp://u:pw@localhost:2525",
            "smtp://u:pw@127.0.0.1:2525",
            "smtp://u:pw@[::1]:2525",
            "smtp://mail.example.org",
        ] {
            let url: SmtpUrl = good.parse().unwrap();
            assert!(!format!("{url:?} {}", url.server()).contains("pw"), "{good}");
        }
        for wrong in [
            "smtp://u:pw@mail.example.org",
            "smtp://u:pw@mail.example.org?tls=opportunistic",
            "http://mail.example.org",
            "smtp://mail.example.org?tls=maybe",
            "smtps://u:pw/x@mail.example.org",
            "smtps://user:12#pw@mail.example.org",
            "smtps://user:12?pw@mail.example.org",
            "smtp://mail.example.org/pw",
            "mail.example.org",
            "",
        ] {
            let error = wrong.parse::<SmtpUrl>().unwrap_err();
            assert!(!format!("{error:#}").contains("pw"), "{wrong}: {error:#}");
        }
    }
}
