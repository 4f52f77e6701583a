//! The cookie that holds a session's refresh token, and the one by which a device is known.
//!
//! Over HTTPS, their names begin with `__Host-`. Browsers take such a cookie only from this very
//! host, so no page of a sibling domain can plant one. Requests that reach the server by a loopback
//! name need no HTTPS, and have the names without the prefix. Earlier versions used those
//! everywhere, so they are still read.

use async_graphql::{Context, Guard};
use axum::http::header::SET_COOKIE;
use chrono::TimeDelta;
use clap::ValueEnum;
use cookie::{Cookie, SameSite, time::Duration};

use super::errors::ApiError;
use crate::accounts::{CookieName, SentTokens};

/// Most device cookies of a request that are looked at.
const MAX_DEVICES: usize = 4;

const REFRESH: Names = Names { prefixed: "__Host-rowlock_refresh", unprefixed: "rowlock_refresh" };
const DEVICE: Names = Names { prefixed: "__Host-rowlock_device", unprefixed: "rowlock_device" };
/// The only path that cookies without the prefix are sent to. The prefix requires the path `/`.
const UNPREFIXED_PATH: &str = "/graphql";

/// The names of one cookie.
#[derive(Clone, Copy, Debug)]
struct Names {
    prefixed: &'static str,
    unprefixed: &'static str,
}

/// The sites whose pages may send the cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CookieSameSite {
    /// Pages of Rowlock's own site
    Strict,
    /// Pages of any site, if their origin is allowed; each site has a session of its own
    None,
}

/// How cookies are set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CookieScope {
    /// Whether the cookies are restricted to HTTPS. They are, except on loopback.
    pub(crate) is_secure: bool,
    pub(crate) same_site: CookieSameSite,
}

/// The cookies of a request, and the means to set them in its answer. A WebSocket or a stream of
/// results has none, because it can't set a cookie.
#[derive(Clone, Debug)]
pub(crate) struct SessionCookie {
    /// The refresh tokens that came with the request.
    pub(super) refresh_tokens: SentTokens,
    /// The accounts that the request's device is known for, by each cookie that says so. They stay
    /// when somebody signs out.
    pub(super) devices: Vec<String>,
    /// The number of refresh cookies with the name that is now set.
    refresh_cookies: usize,
    /// The names without the prefix that came with the request, if they are no longer set.
    earlier_names: Vec<&'static str>,
    scope: CookieScope,
}

impl SessionCookie {
    /// `lines` are the values of the request's `Cookie` headers. HTTP/2 and proxies may send
    /// several. Other programs' cookies are skipped, whatever bytes they have.
    pub(crate) fn new<'a>(lines: impl IntoIterator<Item = &'a [u8]>, scope: CookieScope) -> Self {
        let mut found = Self {
            refresh_tokens: SentTokens::default(),
            devices: Vec::new(),
            refresh_cookies: 0,
            earlier_names: Vec::new(),
            scope,
        };
        let mut earlier_devices = Vec::new();
        for (name, value) in lines.into_iter().flat_map(cookies_in) {
            match found.name_of(REFRESH, name) {
                Some(CookieName::Current) => {
                    found.refresh_cookies += 1;
                    found.refresh_tokens.add(CookieName::Current, value);
                }
                Some(CookieName::Earlier) => {
                    found.earlier_names.push(REFRESH.unprefixed);
                    found.refresh_tokens.add(CookieName::Earlier, value);
                }
                None => {}
            }
            match found.name_of(DEVICE, name) {
                Some(CookieName::Current) => found.devices.push(value.to_owned()),
                Some(CookieName::Earlier) => {
                    found.earlier_names.push(DEVICE.unprefixed);
                    earlier_devices.push(value.to_owned());
                }
                None => {}
            }
        }
        found.devices.append(&mut earlier_devices);
        found.devices.truncate(MAX_DEVICES);
        found
    }

    fn name_of(&self, names: Names, name: &[u8]) -> Option<CookieName> {
        let is_unprefixed = name == names.unprefixed.as_bytes();
        match self.scope.is_secure {
            true if name == names.prefixed.as_bytes() => Some(CookieName::Current),
            true if is_unprefixed => Some(CookieName::Earlier),
            false if is_unprefixed => Some(CookieName::Current),
            _ => None,
        }
    }

    /// Sets the refresh cookie in the answer.
    pub(super) fn set(&self, ctx: &Context<'_>, refresh_token: &str, lifetime: TimeDelta) {
        self.remove_other_partition(ctx);
        self.append(ctx, REFRESH, refresh_token, lifetime);
        self.remove_earlier(ctx, REFRESH);
    }

    /// Removes the refresh cookie from the browser.
    pub(super) fn clear(&self, ctx: &Context<'_>) {
        self.append(ctx, REFRESH, "", TimeDelta::zero());
        self.remove_other_partition(ctx);
        self.remove_earlier(ctx, REFRESH);
    }

    /// Sets the cookie by which the device is known.
    pub(super) fn set_device(&self, ctx: &Context<'_>, device: &str, lifetime: TimeDelta) {
        self.append(ctx, DEVICE, device, lifetime);
        self.remove_earlier(ctx, DEVICE);
    }

    fn append(&self, ctx: &Context<'_>, names: Names, value: &str, lifetime: TimeDelta) {
        let cookie = self.cookie(self.name(names), value, lifetime);
        ctx.append_http_header(SET_COOKIE, cookie.to_string());
    }

    /// The name under which a cookie is set.
    fn name(&self, names: Names) -> &'static str {
        if self.scope.is_secure { names.prefixed } else { names.unprefixed }
    }

    fn cookie<'a>(&self, name: &'a str, value: &'a str, lifetime: TimeDelta) -> Cookie<'a> {
        let CookieScope { is_secure, same_site } = self.scope;
        let path = if name.starts_with("__Host-") { "/" } else { UNPREFIXED_PATH };
        let cookie = Cookie::build((name, value))
            .path(path)
            .max_age(Duration::seconds(lifetime.num_seconds()))
            .http_only(true);
        let cookie = match same_site {
            CookieSameSite::Strict => cookie.same_site(SameSite::Strict).secure(is_secure),
            CookieSameSite::None => cookie.same_site(SameSite::None).secure(true).partitioned(true),
        };
        cookie.build()
    }

    /// Removes the cookie that was set while the setting for cross-site pages was another one.
    /// Browsers keep a partitioned cookie and one that is not partitioned beside each other.
    fn remove_other_partition(&self, ctx: &Context<'_>) {
        let is_partitioned = self.scope.same_site == CookieSameSite::None;
        if self.refresh_cookies > usize::from(!is_partitioned) {
            let mut other = self.cookie(self.name(REFRESH), "", TimeDelta::zero());
            other.set_partitioned(!is_partitioned);
            other.set_secure(true);
            ctx.append_http_header(SET_COOKIE, other.to_string());
        }
    }

    /// Removes the cookie that an earlier version has set.
    fn remove_earlier(&self, ctx: &Context<'_>, names: Names) {
        if self.earlier_names.contains(&names.unprefixed) {
            let mut earlier = self.cookie(names.unprefixed, "", TimeDelta::zero());
            earlier.set_partitioned(false);
            ctx.append_http_header(SET_COOKIE, earlier.to_string());
        }
    }
}

/// The cookies of a header's line that have a value in ASCII.
fn cookies_in(line: &[u8]) -> impl Iterator<Item = (&[u8], &str)> {
    line.split(|byte| *byte == b';').filter_map(|pair| {
        let pair = pair.trim_ascii();
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (&pair[..equals], &pair[equals + 1..]);
        let value = str::from_utf8(value.trim_ascii()).ok().filter(|value| value.is_ascii())?;
        let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        Some((name.trim_ascii(), unquoted.unwrap_or(value)))
    })
}

/// Lets a mutation run only if its cookie can be set.
pub(super) struct CanSetCookie;

impl Guard for CanSetCookie {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        match ctx.data_opt::<SessionCookie>() {
            Some(_) => Ok(()),
            None => Err(ApiError::Forbidden(
                "This mutation sets a cookie, which a WebSocket or a stream can't do. Send it by \
                 POST and accept JSON.",
            )
            .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECURE: CookieScope = CookieScope { is_secure: true, same_site: CookieSameSite::Strict };

    fn devices(lines: &[&[u8]], scope: CookieScope) -> Vec<String> {
        SessionCookie::new(lines.iter().copied(), scope).devices
    }

    #[test]
    fn the_cookies_are_found_among_others_in_any_bytes() {
        for lines in [
            &[&b"a=b; __Host-rowlock_device=1.2; c=d"[..]][..],
            &[b"a=b", b"c=\xff\xfe; x; =; ==; __Host-rowlock_device=1.2"],
            &[b"q=\"a; __Host-rowlock_device=\"1.2\";\"", b"z=\"\x80"],
            &[b";; \t__Host-rowlock_device = 1.2 ;"],
        ] {
            assert_eq!(devices(lines, SECURE), ["1.2"], "{lines:?}");
        }
        for line in [
            &b""[..],
            b"__Host-rowlock_device_2=1; x",
            b"__host-rowlock_device=1",
            b"__Host-rowlock_device=\xff",
            b"x__Host-rowlock_device=1",
        ] {
            assert!(devices(&[line], SECURE).is_empty(), "{line:?}");
        }
    }

    #[test]
    fn a_cookie_with_the_prefix_comes_before_those_that_others_can_set() {
        let lines = &[&b"rowlock_device=planted; __Host-rowlock_device=own"[..]];
        assert_eq!(devices(lines, SECURE), ["own", "planted"]);
        let loopback = CookieScope { is_secure: false, ..SECURE };
        assert_eq!(devices(lines, loopback), ["planted"]);
    }
}
