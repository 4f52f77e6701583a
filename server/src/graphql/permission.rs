//! Whether the viewer may see an event or do something for an organizer. What each role may do is
//! decided by `organizers`.

use std::sync::Arc;

use async_graphql::Context;
use rowlock_entities::{EventId, OrganizerId, UserId, event};

use super::{errors::ApiError, viewer::ViewerExt};
use crate::{
    events::Events,
    organizers::{Action, Membership, Organizers},
};

pub(super) trait PermissionExt {
    /// Whether the viewer may do this for the organizer now. Nobody may without a valid token.
    async fn may(&self, organizer: OrganizerId, action: Action) -> Result<bool, ApiError>;

    /// The signed-in user, who may do this for the organizer.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if nobody is signed in, and `FORBIDDEN` if the user may not.
    async fn permitted_user(
        &self,
        organizer: OrganizerId,
        action: Action,
    ) -> Result<UserId, ApiError>;

    /// The event with this id, if the viewer may see it.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if there is no public event with this id and the access token is expired or
    /// not valid. So nobody can tell a draft from nothing, and members renew their token.
    async fn visible_event(&self, id: EventId) -> Result<Option<Arc<event::Model>>, ApiError>;

    /// The signed-in user and the event, for whose organizer the user may do this.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if nobody is signed in, `NOT_FOUND` if there is no event that the user may
    /// see, and `FORBIDDEN` if the user may not do this.
    async fn permitted_event(
        &self,
        id: EventId,
        action: Action,
    ) -> Result<Arc<event::Model>, ApiError>;
}

impl PermissionExt for Context<'_> {
    async fn may(&self, organizer: OrganizerId, action: Action) -> Result<bool, ApiError> {
        let Ok(Some(user)) = self.viewer() else { return Ok(false) };
        let organizers = self.data_unchecked::<Organizers>();
        Ok(organizers.may(Membership { organizer, user }, action).await?)
    }

    async fn permitted_user(
        &self,
        organizer: OrganizerId,
        action: Action,
    ) -> Result<UserId, ApiError> {
        let user = self.signed_in_user()?;
        match self.may(organizer, action).await? {
            true => Ok(user),
            false => Err(ApiError::Forbidden(
                "You may not do this for this organizer. Ask one of its owners.",
            )),
        }
    }

    async fn visible_event(&self, id: EventId) -> Result<Option<Arc<event::Model>>, ApiError> {
        let found = self.data_unchecked::<Events>().find(id).await?;
        match found {
            Some(event) if event.is_public => Ok(Some(event)),
            Some(event) if self.may(event.organizer_id, Action::SeeDrafts).await? => {
                Ok(Some(event))
            }
            _ => self.viewer().map(|_| None),
        }
    }

    async fn permitted_event(
        &self,
        id: EventId,
        action: Action,
    ) -> Result<Arc<event::Model>, ApiError> {
        self.signed_in_user()?;
        let event = self.visible_event(id).await?.ok_or(ApiError::NotFound("event"))?;
        self.permitted_user(event.organizer_id, action).await?;
        Ok(event)
    }
}
