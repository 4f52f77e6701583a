//! Who asks for an event at an address of its own, beside `/graphql`, and what they may do.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use rowlock_entities::{EventId, UserId, event};
use uuid::Uuid;

use super::state::App;
use crate::{
    accounts::Viewer,
    graphql::ApiError,
    organizers::{Action, Membership},
};

/// The request of somebody who is signed in for an event that they may see.
///
/// It is signed in by its access token alone, which no browser sends by itself. So no page of another
/// site can send it for its visitor.
pub(super) struct EventRequest {
    pub(super) event: Arc<event::Model>,
    /// The user, who need not be a member.
    pub(super) membership: Membership,
}

impl EventRequest {
    /// # Errors
    /// `UNAUTHENTICATED` without an access token that is valid, and `NOT_FOUND` if there is no event
    /// that the user may see.
    pub(super) async fn of(app: &App, headers: &HeaderMap, id: &str) -> Result<Self, ApiError> {
        let id = Uuid::try_parse(id).map(EventId).map_err(|_| ApiError::NotFound("event"))?;
        let services = &app.services;
        let user = signed_in_user(app, headers)?;
        let event = services.events.find(id).await?.ok_or(ApiError::NotFound("event"))?;
        if !services.organizers.may_see(&event, Some(user)).await? {
            return Err(ApiError::NotFound("event"));
        }
        let membership = Membership { organizer: event.organizer_id, user };
        Ok(Self { event, membership })
    }

    /// Refuses what the user may not do for the event's organizer now.
    pub(super) async fn require(&self, app: &App, action: Action) -> Result<(), ApiError> {
        match app.services.organizers.may(self.membership, action).await? {
            true => Ok(()),
            false => Err(ApiError::not_permitted()),
        }
    }
}

/// The user whose access token came with a request.
///
/// # Errors
/// `UNAUTHENTICATED` without an access token that is valid.
pub(super) fn signed_in_user(app: &App, headers: &HeaderMap) -> Result<UserId, ApiError> {
    let authorization = headers.get(header::AUTHORIZATION);
    let viewer = match authorization.map(HeaderValue::to_str).transpose() {
        Ok(authorization) => app.services.access_tokens.viewer(authorization),
        Err(_) => Viewer::Rejected,
    };
    match viewer {
        Viewer::User { id, .. } => Ok(id),
        Viewer::Anonymous => Err(ApiError::Unauthenticated("Please sign in first.")),
        Viewer::Rejected => Err(ApiError::bad_access_token()),
    }
}

/// The status of the answer to a request that is refused.
pub(super) fn status_of(error: &ApiError) -> StatusCode {
    match error {
        ApiError::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        ApiError::Forbidden(_) => StatusCode::FORBIDDEN,
        ApiError::NotFound(_) => StatusCode::NOT_FOUND,
        ApiError::BadUserInput(_) => StatusCode::BAD_REQUEST,
        ApiError::RateLimited(_) | ApiError::HoldsTooMuch { .. } => StatusCode::TOO_MANY_REQUESTS,
        ApiError::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
