//! The cookie that holds a session's refresh token.

use async_graphql::{Context, Guard};
use axum::http::header::SET_COOKIE;
use cookie::{Cookie, SameSite, time::Duration};

use super::errors::ApiError;

const NAME: &str = "rowlock_refresh";
/// The only path that the cookie is sent to.
const PATH: &str = "/graphql";

/// The refresh cookie of a request, and the means to set one in its answer. A WebSocket or a stream
/// of results has none, because it can't set a cookie.
#[derive(Clone, Debug)]
pub(crate) struct SessionCookie {
    /// The refresh token that came with the request.
    pub(super) refresh_token: Option<String>,
    /// Whether the cookie is restricted to HTTPS. It is, except on loopback.
    is_secure: bool,
}

impl SessionCookie {
    /// `header` is the value of the request's `Cookie` header.
    pub(crate) fn new(header: Option<&str>, is_secure: bool) -> Self {
        let refresh_token = header.and_then(|header| {
            let mut cookies = Cookie::split_parse(header).flatten();
            let found = cookies.find(|cookie| cookie.name() == NAME)?;
            Some(found.value().to_owned())
        });
        Self { refresh_token, is_secure }
    }

    /// Sets the cookie in the answer.
    pub(super) fn set(&self, ctx: &Context<'_>, refresh_token: &str, seconds: i64) {
        let cookie = Cookie::build((NAME, refresh_token))
            .path(PATH)
            .max_age(Duration::seconds(seconds))
            .http_only(true)
            .same_site(SameSite::Strict)
            .secure(self.is_secure);
        ctx.append_http_header(SET_COOKIE, cookie.to_string());
    }

    /// Removes the cookie from the browser.
    pub(super) fn clear(&self, ctx: &Context<'_>) {
        self.set(ctx, "", 0);
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
    fn the_refresh_token_is_found_among_other_cookies() {
        let find = |header| SessionCookie::new(Some(header), true).refresh_token;
        assert_eq!(find("a=b; rowlock_refresh=xyz; c=d").as_deref(), Some("xyz"));
        assert_eq!(find("rowlock_refresh_2=xyz; x"), None);
        assert_eq!(find(""), None);
    }
}
