//! Whether the viewer may see an event or do something for an organizer. What each role may do is
//! decided by `organizers`.

use std::sync::Arc;

use async_graphql::Context;
use rowlock_entities::{EventId, OrganizerId, event};

use super::{errors::ApiError, viewer::ViewerExt};
use crate::{
    events::Events,
    limits::RateLimits,
    organizers::{Action, Membership, Organizers},
};

pub(super) trait PermissionExt {
    /// Whether the viewer may do this for the organizer now.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if the access token is expired or not valid.
    async fn may(&self, organizer: OrganizerId, action: Action) -> Result<bool, ApiError>;

    /// Refuses what the signed-in user may not do for the organizer, and counts the attempt.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if nobody is signed in, `FORBIDDEN` if the user may not, and `RATE_LIMITED`
    /// after too many attempts.
    async fn check_permission(
        &self,
        organizer: OrganizerId,
        action: Action,
    ) -> Result<(), ApiError>;

    /// The event with this id, if the viewer may see it.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if there is no public event with this id and the access token is expired or
    /// not valid. So nobody can tell a draft from nothing, and members renew their token.
    async fn visible_event(&self, id: EventId) -> Result<Option<Arc<event::Model>>, ApiError>;

    /// Refuses what the signed-in user may not do with the event, and counts the attempt.
    ///
    /// # Errors
    /// Those of [`Self::check_permission`], and `NOT_FOUND` if there is no event that the user may
    /// see.
    async fn check_event_permission(&self, id: EventId, action: Action) -> Result<(), ApiError>;
}

impl PermissionExt for Context<'_> {
    async fn may(&self, organizer: OrganizerId, action: Action) -> Result<bool, ApiError> {
        let Some(user) = self.viewer()? else { return Ok(false) };
        let organizers = self.data_unchecked::<Organizers>();
        Ok(organizers.may(Membership { organizer, user }, action).await?)
    }

    async fn check_permission(
        &self,
        organizer: OrganizerId,
        action: Action,
    ) -> Result<(), ApiError> {
        let user = self.signed_in_user()?;
        self.data_unchecked::<Arc<RateLimits>>().check_organizer_change(user)?;
        match self.may(organizer, action).await? {
            true => Ok(()),
            false => Err(ApiError::not_permitted()),
        }
    }

    async fn visible_event(&self, id: EventId) -> Result<Option<Arc<event::Model>>, ApiError> {
        let found = self.data_unchecked::<Events>().find(id).await?;
        if let Some(event) = found {
            // Who may see everything needs no token that is valid.
            let user = self.viewer().ok().flatten();
            if self.data_unchecked::<Organizers>().may_see(&event, user).await? {
                return Ok(Some(event));
            }
        }
        self.viewer().map(|_| None)
    }

    async fn check_event_permission(&self, id: EventId, action: Action) -> Result<(), ApiError> {
        self.signed_in_user()?;
        let event = self.visible_event(id).await?.ok_or(ApiError::NotFound("event"))?;
        self.check_permission(event.organizer_id, action).await
    }
}
