//! The mutation `updateOrganizer`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

use super::{
    errors::ApiError,
    input::{self, InputProblems},
    organizer::Organizer,
    viewer::ViewerExt,
};
use crate::{
    limits::RateLimits,
    organizers::{Membership, Organizers},
};

#[derive(Default)]
pub(super) struct UpdateOrganizerMutation;

#[Object]
impl UpdateOrganizerMutation {
    /// Gives an organizer another name or slug. Links with the earlier slug lead nowhere from then
    /// on. OWNER may do this.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `NOT_FOUND`, `BAD_USER_INPUT`, `RATE_LIMITED`,
    /// `UNAVAILABLE`.
    async fn update_organizer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes. What is left out stays.")] input: UpdateOrganizerInput,
    ) -> Result<Organizer, ApiError> {
        let user = ctx.signed_in_user()?;
        let organizer = input::id("organizerId", &input.organizer_id)?;
        ctx.data_unchecked::<Arc<RateLimits>>().check_organizer_change(user)?;
        let mut problems = InputProblems::default();
        let name = problems.read_not_null("name", input.name);
        let slug = problems.read_not_null("slug", input.slug);
        problems.check()?;
        let organizers = ctx.data_unchecked::<Organizers>();
        let actor = Membership { organizer, user };
        Ok(Box::pin(organizers.update(actor, name.as_deref(), slug.as_deref())).await?.into())
    }
}

/// Changes of an organizer. What is left out stays, and null is refused.
#[derive(InputObject)]
pub(super) struct UpdateOrganizerInput {
    /// The organizer's id.
    organizer_id: ID,
    /// The name, with 2 to 100 characters.
    name: MaybeUndefined<String>,
    /// The name in addresses: 1 to 60 letters from a to z and digits, with single hyphens in
    /// between.
    slug: MaybeUndefined<String>,
}
