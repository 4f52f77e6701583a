//! The mutations that send links by mail and use them: an address is verified, or a password reset.

use async_graphql::{Context, InputObject, Object};

use super::{
    errors::ApiError,
    session_cookie::CanSetCookie,
    sessions::{AuthPayload, check_sign_in, first_payload, user_agent},
    user::User,
    viewer::ViewerExt,
};
use crate::accounts::Accounts;

#[derive(Default)]
pub(super) struct AccountRecoveryMutation;

#[Object]
impl AccountRecoveryMutation {
    /// Sends the link again that verifies the signed-in user's email, and the one that a change of
    /// email waits for. The links before are void then. The result is true even if there is nothing to
    /// verify.
    ///
    /// Errors: `UNAUTHENTICATED`; `RATE_LIMITED`, also after three mails in an hour.
    async fn request_email_verification(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        check_sign_in(ctx)?;
        let user = ctx.signed_in_user()?;
        Box::pin(ctx.data_unchecked::<Accounts>().request_verification(user)).await?;
        Ok(true)
    }

    /// Verifies the email address that this token was sent to. If a change of email waited for it, it
    /// is the account's email from now on. It works without a sign-in, and signs nobody in.
    ///
    /// Errors: `INVALID_TOKEN` if the token is wrong, used, replaced or older than seven days;
    /// `EMAIL_TAKEN` if another account has the address by now; `RATE_LIMITED`.
    async fn verify_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token from the mail's link.")] token: String,
    ) -> Result<User, ApiError> {
        check_sign_in(ctx)?;
        let user = Box::pin(ctx.data_unchecked::<Accounts>().verify_email(&token)).await?;
        Ok(User::of_link(ctx, user))
    }

    /// Sends a link to this address that resets the password of its account. The result is true, in
    /// the same time, whether there is such an account or not. An account gets up to three such mails
    /// in an hour, and only the newest link is good.
    ///
    /// Errors: `RATE_LIMITED`.
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account's email address, in any case.")] email: String,
    ) -> Result<bool, ApiError> {
        check_sign_in(ctx)?;
        Box::pin(ctx.data_unchecked::<Accounts>().request_password_reset(&email)).await?;
        Ok(true)
    }

    /// Gives an account another password by a token from a mail, ends all of its sessions, and signs
    /// in. The email that the token was sent to is verified then, and a change of email that waits is
    /// taken back.
    ///
    /// Errors: `BAD_USER_INPUT`; `INVALID_TOKEN` if the token is wrong, used, replaced or older than an
    /// hour; `RATE_LIMITED`.
    #[graphql(guard = "CanSetCookie")]
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token and the new password.")] input: ResetPasswordInput,
    ) -> Result<AuthPayload, ApiError> {
        check_sign_in(ctx)?;
        let accounts = ctx.data_unchecked::<Accounts>();
        let ResetPasswordInput { token, new_password } = &input;
        let device = user_agent(ctx);
        let signed_in = Box::pin(accounts.reset_password(token, new_password, &device)).await?;
        Ok(first_payload(ctx, signed_in))
    }
}

/// A new password for whoever has the token.
#[derive(InputObject)]
pub(super) struct ResetPasswordInput {
    /// The token from the mail's link.
    token: String,
    /// 8 to 128 characters with at least one letter and one digit.
    new_password: String,
}
