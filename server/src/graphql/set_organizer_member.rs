//! The mutation `setOrganizerMember`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};

use super::{
    errors::ApiError, input, organizer::Organizer, organizer_member::OrganizerRole,
    viewer::ViewerExt,
};
use crate::{
    limits::RateLimits,
    organizers::{Membership, Organizers},
};

#[derive(Default)]
pub(super) struct SetOrganizerMemberMutation;

#[Object]
impl SetOrganizerMemberMutation {
    /// Adds a person to an organizer by email, or changes their role. The organizer keeps at least
    /// one owner. OWNER may do this.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `NOT_FOUND`, `RATE_LIMITED`, `UNAVAILABLE`;
    /// `BAD_USER_INPUT` also if nobody has an account with this email.
    async fn set_organizer_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The member.")] input: SetOrganizerMemberInput,
    ) -> Result<Organizer, ApiError> {
        let user = ctx.signed_in_user()?;
        let organizer = input::id("organizerId", &input.organizer_id)?;
        let limits = ctx.data_unchecked::<Arc<RateLimits>>();
        limits.check_organizer_change(user)?;
        // The answer tells whether the email has an account, as that of `register` does. So both
        // have the same limit.
        limits.check_sign_in(ctx.client_address())?;
        let (actor, role) = (Membership { organizer, user }, input.role.into());
        let organizers = ctx.data_unchecked::<Organizers>();
        Ok(Box::pin(organizers.set_member(actor, &input.email, role)).await?.into())
    }
}

/// A member of an organizer.
#[derive(InputObject)]
pub(super) struct SetOrganizerMemberInput {
    /// The organizer's id.
    organizer_id: ID,
    /// The email address of the person's account.
    email: String,
    /// The person's role from now on.
    role: OrganizerRole,
}
