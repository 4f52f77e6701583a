//! The cookie that holds a session's refresh token, and the one by which a device is known.

use async_graphql::{Context, Guard};
use axum::http::header::SET_COOKIE;
use chrono::TimeDelta;
use cookie::{Cookie, SameSite, time::Duration};

use super::errors::ApiError;

const REFRESH: &str = "rowlock_refresh";
const DEVICE: &str = "rowlock_device";
/// The only path that the cookies are sent to.
const PATH: &str = "/graphql";

/// The cookies of a request, and the means to set them in its answer. A WebSocket or a stream of
/// results has none, because it can't set a cookie.
#[derive(Clone, Debug)]
pub(crate) struct SessionCookie {
    /// The refresh token that came with the request.
    pub(super) refresh_token: Option<String>,
    /// The accounts that the request's device is known for. It stays when they sign out.
    pub(super) device: Option<String>,
    /// Whether the cookies are restricted to HTTPS. They are, except on loopback.
    is_secure: bool,
}

impl SessionCookie {
    /// `header` is the value of the request's `Cookie` header.
    pub(crate) fn new(header: Option<&str>, is_secure: bool) -> Self {
        let find = |name: &str| {
            let mut cookies = Cookie::split_parse(header?).flatten();
            let found = cookies.find(|cookie| cookie.name() == name)?;
            Some(found.value().to_owned())
        };
        Self { refresh_token: find(REFRESH), device: find(DEVICE), is_secure }
    }

    /// Sets the refresh cookie in the answer.
    pub(super) fn set(&self, ctx: &Context<'_>, refresh_token: &str, lifetime: TimeDelta) {
        self.append(ctx, REFRESH, refresh_token, lifetime);
    }

    /// Removes the refresh cookie from the browser.
    pub(super) fn clear(&self, ctx: &Context<'_>) {
        self.append(ctx, REFRESH, "", TimeDelta::zero());
    }

    /// Sets the cookie by which the device is known.
    pub(super) fn set_device(&self, ctx: &Context<'_>, device: &str, lifetime: TimeDelta) {
        self.append(ctx, DEVICE, device, lifetime);
    }

    fn append(&self, ctx: &Context<'_>, name: &str, value: &str, lifetime: TimeDelta) {
        let cookie = Cookie::build((name, value))
            .path(PATH)
            .max_age(Duration::seconds(lifetime.num_seconds()))
            .http_only(true)
            .same_site(SameSite::Strict)
            .secure(self.is_secure);
        ctx.append_http_header(SET_COOKIE, cookie.to_string());
    }
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

    #[test]
    fn the_cookies_are_found_among_others() {
        let cookies = "a=b; rowlock_refresh=xyz; c=d; rowlock_device=1.2";
        let found = SessionCookie::new(Some(cookies), true);
        assert_eq!(found.refresh_token.as_deref(), Some("xyz"));
        assert_eq!(found.device.as_deref(), Some("1.2"));
        let find = |header| SessionCookie::new(Some(header), true).refresh_token;
        assert_eq!(find("rowlock_refresh_2=xyz; x"), None);
        assert_eq!(find(""), None);
    }
}
