//! The mutations by which people change their own account.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object};
use rowlock_entities::user;

use super::{
    errors::ApiError,
    session_cookie::{CanSetCookie, SessionCookie},
    sessions::{check_sign_in, known_device},
    user::User,
    viewer::ViewerExt,
};
use crate::{
    accounts::{Accounts, Caller, normalised_email},
    limits::RateLimits,
    personal_data::PersonalData,
};

#[derive(Default)]
pub(super) struct AccountChangesMutation;

#[Object]
impl AccountChangesMutation {
    /// Changes the signed-in user's name, and whether they are reminded of events.
    ///
    /// Errors: `UNAUTHENTICATED`, `BAD_USER_INPUT`, `RATE_LIMITED`.
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be changed.")] input: UpdateProfileInput,
    ) -> Result<User, ApiError> {
        check_sign_in(ctx)?;
        let user = ctx.signed_in_user()?;
        let accounts = ctx.data_unchecked::<Accounts>();
        let changed = Box::pin(accounts.update_profile(user, &input.name, input.reminders)).await?;
        Ok(User::of_viewer(ctx, changed))
    }

    /// Gives the signed-in user another password, and ends all of their other sessions. A mail tells
    /// the user. A change of email that waits is taken back. If the access token was issued by the previous version, the current session ends, too.
    ///
    /// Errors: `UNAUTHENTICATED`, `BAD_USER_INPUT`, `RATE_LIMITED`; `INVALID_CREDENTIALS` if the current
    /// password is wrong.
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The current password and the new one.")] input: ChangePasswordInput,
    ) -> Result<bool, ApiError> {
        let (user, caller) = Box::pin(account_and_caller(ctx)).await?;
        let accounts = ctx.data_unchecked::<Accounts>();
        let ChangePasswordInput { current_password, new_password } = &input;
        let kept = ctx.session();
        let change = accounts.change_password(&user, kept, current_password, new_password, caller);
        Box::pin(change).await?;
        Ok(true)
    }

    /// Sends a link to another email address. The signed-in user has that address once the link was
    /// opened. A mail tells the present address. The present address as the new one takes a change back
    /// that waits.
    ///
    /// Errors: `UNAUTHENTICATED`, `BAD_USER_INPUT`; `INVALID_CREDENTIALS` if the password is wrong;
    /// `EMAIL_TAKEN`; `RATE_LIMITED`, also after three mails in an hour.
    async fn change_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new address and the password.")] input: ChangeEmailInput,
    ) -> Result<User, ApiError> {
        let (user, caller) = Box::pin(account_and_caller(ctx)).await?;
        let accounts = ctx.data_unchecked::<Accounts>();
        let ChangeEmailInput { new_email, password } = &input;
        let changed = Box::pin(accounts.change_email(&user, new_email, password, caller)).await?;
        Ok(User::of_viewer(ctx, changed))
    }

    /// Deletes the signed-in user's account, and removes the cookie. Nothing names the person any more.
    /// Bookings of coming events are cancelled in the background; those of events that have begun stay,
    /// without a name. The email can be registered again.
    ///
    /// Errors: `UNAUTHENTICATED`, `RATE_LIMITED`; `INVALID_CREDENTIALS` if the password is wrong;
    /// `FORBIDDEN` if the user is the only owner of an organizer that has other members or events
    /// to come.
    #[graphql(guard = "CanSetCookie")]
    async fn delete_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password.")] input: DeleteAccountInput,
    ) -> Result<bool, ApiError> {
        let (user, caller) = Box::pin(account_and_caller(ctx)).await?;
        let personal_data = ctx.data_unchecked::<PersonalData>();
        Box::pin(personal_data.delete_own(&user, &input.password, caller)).await?;
        ctx.data_unchecked::<SessionCookie>().clear(ctx);
        Ok(true)
    }
}

/// The signed-in user's account, and from where its password is tried. The attempt counts as one to
/// sign in does.
async fn account_and_caller(ctx: &Context<'_>) -> Result<(user::Model, Caller), ApiError> {
    check_sign_in(ctx)?;
    let id = ctx.signed_in_user()?;
    let user = ctx.data_unchecked::<Accounts>().find_user(id).await?;
    let user = user.ok_or_else(ApiError::no_such_account)?;
    let device = known_device(ctx, &user.email).map(|(_, device)| device);
    let limits = ctx.data_unchecked::<Arc<RateLimits>>();
    limits.check_login(ctx.client_address(), &normalised_email(&user.email), device)?;
    let caller = if device.is_some() { Caller::KnownDevice } else { Caller::Stranger };
    Ok((user, caller))
}

/// A confirmation that the account is to be deleted.
#[derive(InputObject)]
pub(super) struct DeleteAccountInput {
    /// The account's password.
    password: String,
}

/// What is to be changed of the signed-in user.
#[derive(InputObject)]
pub(super) struct UpdateProfileInput {
    /// The name to address the person by, with 1 to 100 characters and at least one letter.
    name: String,
    /// Whether a reminder is sent a day before an event. Without it, that stays as it is.
    reminders: Option<bool>,
}

/// Another password for the signed-in user.
#[derive(InputObject)]
pub(super) struct ChangePasswordInput {
    /// The password until now.
    current_password: String,
    /// 8 to 128 characters with at least one letter and one digit.
    new_password: String,
}

/// Another email address for the signed-in user.
#[derive(InputObject)]
pub(super) struct ChangeEmailInput {
    /// The new address.
    new_email: String,
    /// The account's password.
    password: String,
}
