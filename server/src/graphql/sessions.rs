//! Accounts in the schema: `me`, register, login, refresh and logout.

use std::sync::Arc;

use async_graphql::{Context, Guard, ID, InputObject, Object, SimpleObject};
use axum::http::header::SET_COOKIE;
use rowlock_entities::user;

use super::{
    booking::{BookingConnection, BookingStatus},
    errors::ApiError,
    input::Int,
    scalars::DateTime,
};
use crate::accounts::{Accounts, SignedIn, service::SESSION_LIFE};
use crate::{
    accounts::access_tokens::ViewerExt,
    pagination::{PageArgs, page_complexity},
    rate_limit::RateLimits,
};

const REFRESH_COOKIE: &str = "rowlock_refresh";

/// What a request's cookies and connection mean for sessions. Absent on a WebSocket or in a stream of results,
/// which can't set a cookie.
#[derive(Clone, Debug)]
pub(crate) struct SessionCookie {
    /// The refresh token that came with the request.
    pub(crate) refresh_token: Option<String>,
    /// Whether the cookie is kept to HTTPS: everywhere but on loopback.
    pub(crate) secure: bool,
}

impl SessionCookie {
    /// The refresh token among a `Cookie` header's pairs.
    pub(crate) fn find_refresh_token(cookies: &str) -> Option<String> {
        cookies
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == REFRESH_COOKIE)
            .map(|(_, value)| value.to_owned())
    }

    fn clear(&self, ctx: &Context<'_>) {
        self.set(ctx, "", 0);
    }

    fn set(&self, ctx: &Context<'_>, value: &str, seconds: i64) {
        let secure = if self.secure { "; Secure" } else { "" };
        ctx.append_http_header(
            SET_COOKIE,
            format!(
                "{REFRESH_COOKIE}={value}; Path=/graphql; Max-Age={seconds}; HttpOnly; \
                 SameSite=Strict{secure}"
            ),
        );
    }
}

/// Lets a mutation run only where its cookie can be set.
struct OverHttp;

impl Guard for OverHttp {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        match ctx.data_opt::<SessionCookie>() {
            Some(_) => Ok(()),
            None => Err(ApiError::Forbidden(
                "This mutation sets a cookie, which a WebSocket or a stream can't: send it by POST, for \
                 an answer in JSON.",
            )
            .into()),
        }
    }
}

#[derive(Default)]
pub(crate) struct AccountsQuery;

#[Object]
impl AccountsQuery {
    /// The signed-in user, or null.
    async fn me(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        let Some(id) = ctx.viewer()? else { return Ok(None) };
        match ctx.data_unchecked::<Accounts>().find_user(id).await? {
            Some(user) => Ok(Some(User(user))),
            None => Err(ApiError::no_such_account()),
        }
    }
}

#[derive(Default)]
pub(crate) struct AccountsMutation;

#[Object]
impl AccountsMutation {
    /// Makes an account and signs it in.
    ///
    /// Errors: `BAD_USER_INPUT`, `EMAIL_TAKEN`, `RATE_LIMITED`.
    #[graphql(guard = "OverHttp")]
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who registers.")] input: RegisterInput,
    ) -> Result<AuthPayload, ApiError> {
        ctx.data_unchecked::<Arc<RateLimits>>().check_sign_in(ctx)?;
        let accounts = ctx.data_unchecked::<Accounts>();
        let signed_in = accounts.register(&input.email, &input.password, &input.name).await?;
        Ok(give(ctx, signed_in))
    }

    /// Signs in.
    ///
    /// Errors: `INVALID_CREDENTIALS`, `RATE_LIMITED`.
    #[graphql(guard = "OverHttp")]
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who signs in.")] input: LoginInput,
    ) -> Result<AuthPayload, ApiError> {
        let limits = ctx.data_unchecked::<Arc<RateLimits>>();
        limits.check_sign_in(ctx)?;
        limits.check_login_email(ctx, &input.email)?;
        let accounts = ctx.data_unchecked::<Accounts>();
        Ok(give(ctx, accounts.login(&input.email, &input.password).await?))
    }

    /// Reads the refresh cookie, rotates it, and gives a new access token.
    ///
    /// Errors: `UNAUTHENTICATED` when there is no cookie or its session has ended. A cookie that was
    /// used before ends its session, except a few seconds after its use.
    #[graphql(guard = "OverHttp")]
    async fn refresh(&self, ctx: &Context<'_>) -> Result<AuthPayload, ApiError> {
        ctx.data_unchecked::<Arc<RateLimits>>().check_sign_in(ctx)?;
        let cookie = ctx.data_unchecked::<SessionCookie>();
        let token = cookie.refresh_token.as_deref();
        let token =
            token.ok_or(ApiError::Unauthenticated("There is no session. Please sign in."))?;
        Ok(give(ctx, ctx.data_unchecked::<Accounts>().refresh(token).await?))
    }

    /// Ends the session of the refresh cookie and clears the cookie; true even when there was none.
    #[graphql(guard = "OverHttp")]
    async fn logout(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        let cookie = ctx.data_unchecked::<SessionCookie>();
        if let Some(token) = &cookie.refresh_token {
            ctx.data_unchecked::<Arc<RateLimits>>().check_sign_in(ctx)?;
            ctx.data_unchecked::<Accounts>().logout(token).await?;
        }
        cookie.clear(ctx);
        Ok(true)
    }

    /// Ends every session of the signed-in user, on all devices and this one, and clears the cookie. Access
    /// tokens that were given out are good until they end, which is within 15 minutes.
    ///
    /// Errors: `UNAUTHENTICATED`, `RATE_LIMITED`.
    #[graphql(guard = "OverHttp")]
    async fn logout_everywhere(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        ctx.data_unchecked::<Arc<RateLimits>>().check_sign_in(ctx)?;
        let user = ctx.signed_in_user()?;
        ctx.data_unchecked::<Accounts>().logout_everywhere(user).await?;
        ctx.data_unchecked::<SessionCookie>().clear(ctx);
        Ok(true)
    }
}

/// Puts the refresh token into the cookie and the rest into the answer.
fn give(ctx: &Context<'_>, signed_in: SignedIn) -> AuthPayload {
    let cookie = ctx.data_unchecked::<SessionCookie>();
    cookie.set(ctx, &signed_in.refresh_token.as_text(), SESSION_LIFE.num_seconds());
    AuthPayload {
        user: User(signed_in.user),
        access_token: signed_in.access_token.token,
        access_token_expires_at: DateTime(signed_in.access_token.expires_at),
    }
}

/// Who registers.
#[derive(InputObject)]
pub(crate) struct RegisterInput {
    /// Email address; compared without regard to case.
    email: String,
    /// 8 to 128 characters with at least a letter and a digit.
    password: String,
    /// How to address the person; 2 to 100 characters.
    name: String,
}

/// Who signs in.
#[derive(InputObject)]
pub(crate) struct LoginInput {
    /// The account's email address, in any case.
    email: String,
    /// The account's password.
    password: String,
}

/// A session that was just begun or continued. Its refresh token is in the answer's cookie.
#[derive(SimpleObject)]
pub(crate) struct AuthPayload {
    /// Who is signed in.
    user: User,
    /// For the header `Authorization: Bearer …`, or `connection_init` on a WebSocket. Keep it in
    /// memory only.
    access_token: String,
    /// When the access token ends: 15 minutes after it was made. Call `refresh` before.
    access_token_expires_at: DateTime,
}

pub(crate) struct User(pub(crate) user::Model);

/// A person with an account. Only the person themself can see it.
#[Object]
impl User {
    /// UUIDv7.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.0.into()
    }

    /// Email address, in lower case.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// How to address the person.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The person's bookings, newest first.
    ///
    /// Errors: `BAD_USER_INPUT` for page sizes and cursors.
    #[graphql(complexity = "page_complexity(first, last, child_complexity)")]
    async fn bookings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, from the start; 1 to 50. 10 when neither is given.")]
        first: Option<Int>,
        #[graphql(desc = "Only bookings after this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of the page, from the end; 1 to 50.")] last: Option<Int>,
        #[graphql(desc = "Only bookings before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only bookings of this status.")] status: Option<BookingStatus>,
    ) -> Result<BookingConnection, ApiError> {
        let page = PageArgs { first, after, last, before, offset: None };
        BookingConnection::read(ctx, self.0.id, status, page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refresh_token_is_found_among_other_cookies() {
        let find = |cookies| SessionCookie::find_refresh_token(cookies);
        assert_eq!(find("a=b; rowlock_refresh=xyz; c=d").as_deref(), Some("xyz"));
        assert_eq!(find("rowlock_refresh_2=xyz; x"), None);
        assert_eq!(find(""), None);
    }
}
