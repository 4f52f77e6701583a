//! The mutations that begin, continue and end sessions.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, SimpleObject};
use axum::http::HeaderValue;
use uuid::Uuid;

use super::{
    errors::ApiError,
    scalars::DateTime,
    session_cookie::{CanSetCookie, SessionCookie},
    user::User,
    viewer::ViewerExt,
};
use crate::{
    accounts::{
        Accounts, Caller, DEVICE_LIFETIME, SESSION_LIFETIME, Sessions, SignedIn, UserAgent,
        normalised_email,
    },
    limits::RateLimits,
};

#[derive(Default)]
pub(super) struct SessionsMutation;

#[Object]
impl SessionsMutation {
    /// Creates an account and signs it in. A mail to its email has a link that verifies it.
    ///
    /// Errors: `BAD_USER_INPUT`, `EMAIL_TAKEN`, `RATE_LIMITED`.
    #[graphql(guard = "CanSetCookie")]
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new account.")] input: RegisterInput,
    ) -> Result<AuthPayload, ApiError> {
        check_sign_in(ctx)?;
        let accounts = ctx.data_unchecked::<Accounts>();
        let RegisterInput { email, password, name } = &input;
        let device = user_agent(ctx);
        let signed_in = Box::pin(accounts.register(email, password, name, &device)).await?;
        Ok(first_payload(ctx, signed_in))
    }

    /// Signs in.
    ///
    /// Errors: `INVALID_CREDENTIALS`, `RATE_LIMITED`.
    #[graphql(guard = "CanSetCookie")]
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account to sign in to.")] input: LoginInput,
    ) -> Result<AuthPayload, ApiError> {
        check_sign_in(ctx)?;
        let limits = ctx.data_unchecked::<Arc<RateLimits>>();
        let accounts = ctx.data_unchecked::<Accounts>();
        let device = known_device(ctx, &input.email).map(|(_, device)| device);
        limits.check_login(ctx.client_address(), &normalised_email(&input.email), device)?;
        let caller = if device.is_some() { Caller::KnownDevice } else { Caller::Stranger };
        let LoginInput { email, password } = &input;
        let browser = user_agent(ctx);
        let signed_in = Box::pin(accounts.login(email, password, caller, &browser)).await?;
        Ok(first_payload(ctx, signed_in))
    }

    /// Reads the refresh cookie, rotates it, and returns a new access token.
    ///
    /// If the answer is lost, send the same cookie again. Once the next cookie has been used, an
    /// earlier one ends its session, except within a few seconds.
    ///
    /// Errors: `UNAUTHENTICATED` if there is no cookie or its session has ended, `RATE_LIMITED`.
    #[graphql(guard = "CanSetCookie")]
    async fn refresh(&self, ctx: &Context<'_>) -> Result<AuthPayload, ApiError> {
        check_sign_in(ctx)?;
        let tokens = &ctx.data_unchecked::<SessionCookie>().refresh_tokens;
        if tokens.is_empty() {
            return Err(ApiError::Unauthenticated("There is no session. Please sign in."));
        }
        Ok(payload(ctx, Box::pin(ctx.data_unchecked::<Sessions>().refresh(tokens)).await?))
    }

    /// Ends the session of the refresh cookie and removes the cookie. The result is true even if
    /// there was no session.
    ///
    /// Errors: `RATE_LIMITED`.
    #[graphql(guard = "CanSetCookie")]
    async fn logout(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        let cookie = ctx.data_unchecked::<SessionCookie>();
        if !cookie.refresh_tokens.is_empty() {
            check_sign_in(ctx)?;
            Box::pin(ctx.data_unchecked::<Sessions>().logout(&cookie.refresh_tokens)).await?;
        }
        cookie.clear(ctx);
        Ok(true)
    }

    /// Ends every session of the signed-in user, on this and all other devices, and removes the
    /// cookie. Access tokens that were already issued stay valid until they expire.
    ///
    /// Errors: `UNAUTHENTICATED`, `RATE_LIMITED`.
    #[graphql(guard = "CanSetCookie")]
    async fn logout_everywhere(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        check_sign_in(ctx)?;
        let user = ctx.signed_in_user()?;
        Box::pin(ctx.data_unchecked::<Sessions>().logout_everywhere(user)).await?;
        ctx.data_unchecked::<SessionCookie>().clear(ctx);
        Ok(true)
    }
}

/// Counts a sign-in attempt from the request's address.
pub(super) fn check_sign_in(ctx: &Context<'_>) -> Result<(), ApiError> {
    Ok(ctx.data_unchecked::<Arc<RateLimits>>().check_sign_in(ctx.client_address())?)
}

/// What the request's browser calls itself.
pub(super) fn user_agent(ctx: &Context<'_>) -> UserAgent {
    let header = ctx.data_opt::<SentUserAgent>().and_then(|sent| sent.0.as_ref());
    header.map(|value| UserAgent::of_header(value.as_bytes())).unwrap_or_default()
}

/// The header `User-Agent` of the request.
#[derive(Clone, Debug)]
pub(crate) struct SentUserAgent(pub(crate) Option<HeaderValue>);

/// The device cookie that knows the account of this email, and the device's id.
pub(super) fn known_device<'a>(ctx: &Context<'a>, email: &str) -> Option<(&'a str, Uuid)> {
    let known_devices = ctx.data_unchecked::<Accounts>().known_devices();
    ctx.data_unchecked::<SessionCookie>().devices.iter().find_map(|cookie| {
        known_devices.find(Some(cookie), email).map(|device| (cookie.as_str(), device))
    })
}

/// Like `payload`, after the person has proved who they are. From now on, the device and the address
/// are known.
pub(super) fn first_payload(ctx: &Context<'_>, signed_in: SignedIn) -> AuthPayload {
    let cookie = ctx.data_unchecked::<SessionCookie>();
    let known_devices = ctx.data_unchecked::<Accounts>().known_devices();
    let email = &signed_in.user.email;
    let sent = known_device(ctx, email).map(|(sent, _)| sent);
    let sent = sent.or(cookie.devices.first().map(String::as_str));
    let device = known_devices.remember(sent, email);
    let limits = ctx.data_unchecked::<Arc<RateLimits>>();
    limits.signed_in(ctx.client_address(), &normalised_email(email));
    let payload = payload(ctx, signed_in);
    cookie.set_device(ctx, &device, DEVICE_LIFETIME);
    payload
}

/// Puts the refresh token into the cookie, and the rest into the answer.
fn payload(ctx: &Context<'_>, signed_in: SignedIn) -> AuthPayload {
    let cookie = ctx.data_unchecked::<SessionCookie>();
    cookie.set(ctx, &signed_in.refresh_token.as_text(), SESSION_LIFETIME);
    AuthPayload {
        user: User::signed_in(&signed_in),
        access_token: signed_in.access_token.token,
        access_token_expires_at: DateTime(signed_in.access_token.expires_at),
    }
}

/// The new account.
#[derive(InputObject)]
pub(super) struct RegisterInput {
    /// Email address. Its case does not matter, nor whether its domain is in its own letters or in
    /// punycode.
    email: String,
    /// 8 to 128 characters with at least one letter and one digit. An accent that is typed apart
    /// from its letter counts with it.
    password: String,
    /// The name to address the person by, with 1 to 100 characters and at least one letter.
    name: String,
}

/// The account to sign in to.
#[derive(InputObject)]
pub(super) struct LoginInput {
    /// The account's email address, in any case.
    email: String,
    /// The account's password.
    password: String,
}

/// A new or continued session. Its refresh token is in the answer's cookie.
#[derive(SimpleObject)]
pub(super) struct AuthPayload {
    /// The signed-in user.
    user: User,
    /// Send it in the header `Authorization: Bearer …`, or in `connection_init` on a WebSocket.
    /// Keep it in memory only.
    access_token: String,
    /// The time when the access token expires. Call `refresh` before that.
    access_token_expires_at: DateTime,
}
