//! The mutation `createOrganizer`.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object};

use super::{errors::ApiError, organizer::Organizer, viewer::ViewerExt};
use crate::{limits::RateLimits, organizers::Organizers};

#[derive(Default)]
pub(super) struct CreateOrganizerMutation;

#[Object]
impl CreateOrganizerMutation {
    /// Creates an organizer, whose owner is the signed-in user.
    ///
    /// Errors: `UNAUTHENTICATED`, `BAD_USER_INPUT`, `RATE_LIMITED`, `UNAVAILABLE`; `FORBIDDEN` if
    /// the user owns too many organizers, or if only the operator of this server creates them.
    async fn create_organizer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new organizer.")] input: CreateOrganizerInput,
    ) -> Result<Organizer, ApiError> {
        let user = ctx.signed_in_user()?;
        ctx.data_unchecked::<Arc<RateLimits>>().check_organizer_change(user)?;
        let organizers = ctx.data_unchecked::<Organizers>();
        Ok(Box::pin(organizers.found(user, &input.name, input.slug)).await?.into())
    }
}

/// The new organizer.
#[derive(InputObject)]
pub(super) struct CreateOrganizerInput {
    /// The name, with 2 to 100 characters.
    name: String,
    /// The name in addresses: 1 to 60 letters from a to z and digits, with single hyphens in
    /// between. Without it, one is made from the name.
    slug: Option<String>,
}
