//! The mutations that give the viewer's calendar a private address, and take it away.

use async_graphql::{Context, Object};

use super::{errors::ApiError, sessions::check_sign_in, user::User, viewer::ViewerExt};
use crate::accounts::Accounts;

#[derive(Default)]
pub(super) struct CalendarFeedMutation;

#[Object]
impl CalendarFeedMutation {
    /// Makes a private address of the signed-in user's bookings, for calendar programs. Whoever has it
    /// sees the bookings. The one before stops working.
    ///
    /// Errors: `UNAUTHENTICATED`, `RATE_LIMITED`.
    async fn create_calendar_feed(&self, ctx: &Context<'_>) -> Result<User, ApiError> {
        check_sign_in(ctx)?;
        let user = ctx.signed_in_user()?;
        let accounts = ctx.data_unchecked::<Accounts>();
        Ok(User::of_viewer(ctx, Box::pin(accounts.create_calendar_feed(user)).await?))
    }

    /// Takes the private address of the signed-in user's bookings away, if there is one.
    ///
    /// Errors: `UNAUTHENTICATED`, `RATE_LIMITED`.
    async fn remove_calendar_feed(&self, ctx: &Context<'_>) -> Result<User, ApiError> {
        check_sign_in(ctx)?;
        let user = ctx.signed_in_user()?;
        let accounts = ctx.data_unchecked::<Accounts>();
        Ok(User::of_viewer(ctx, Box::pin(accounts.remove_calendar_feed(user)).await?))
    }
}
