//! The mutation `removeOrganizerMember`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};

use super::{errors::ApiError, input, organizer::Organizer, viewer::ViewerExt};
use crate::{
    limits::RateLimits,
    organizers::{Membership, Organizers},
};

#[derive(Default)]
pub(super) struct RemoveOrganizerMemberMutation;

#[Object]
impl RemoveOrganizerMemberMutation {
    /// Removes a member from an organizer, who loses every permission at once. OWNER may do this,
    /// and everybody may leave, except for the last owner. If the person is no member, nothing
    /// changes.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `NOT_FOUND`, `BAD_USER_INPUT`, `RATE_LIMITED`,
    /// `UNAVAILABLE`.
    async fn remove_organizer_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The member.")] input: RemoveOrganizerMemberInput,
    ) -> Result<Organizer, ApiError> {
        let user = ctx.signed_in_user()?;
        let organizer = input::id("organizerId", &input.organizer_id)?;
        let removed = input::id("userId", &input.user_id)?;
        ctx.data_unchecked::<Arc<RateLimits>>().check_organizer_change(user)?;
        let organizers = ctx.data_unchecked::<Organizers>();
        Ok(Box::pin(organizers.remove_member(Membership { organizer, user }, removed))
            .await?
            .into())
    }
}

/// A member to remove from an organizer.
#[derive(InputObject)]
pub(super) struct RemoveOrganizerMemberInput {
    /// The organizer's id.
    organizer_id: ID,
    /// The id of the person, which may be the viewer's own.
    user_id: ID,
}
