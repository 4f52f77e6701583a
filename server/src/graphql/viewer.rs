//! The viewer and the address of the request that a resolver belongs to.

use async_graphql::Context;
use rowlock_entities::{SessionId, UserId};

use super::errors::ApiError;
use crate::{accounts::Viewer, clock::Clock, limits::ClientAddress};

pub(super) trait ViewerExt {
    /// The signed-in user, or `None` if nobody is signed in.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if the request has a token that is expired or not valid.
    fn viewer(&self) -> Result<Option<UserId>, ApiError>;

    /// The signed-in user.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if nobody is signed in.
    fn signed_in_user(&self) -> Result<UserId, ApiError> {
        self.viewer()?.ok_or(ApiError::Unauthenticated("Please sign in first."))
    }

    /// The session that the signed-in user's access token was issued in. Tokens of the previous
    /// version don't say it.
    fn session(&self) -> Option<SessionId>;

    /// The signed-in user, for a subscription that outlives its token.
    fn viewer_until_token_expires(&self) -> ViewerUntil;

    /// The address that the request came from.
    fn client_address(&self) -> Option<ClientAddress>;
}

/// A user for as long as the token is valid.
pub(super) struct ViewerUntil {
    viewer: Viewer,
    clock: Clock,
}

impl ViewerUntil {
    /// The user, unless the token has expired.
    pub(super) fn now(&self) -> Option<UserId> {
        match self.viewer {
            Viewer::User { id, expires_at, .. } if expires_at > self.clock.now().timestamp() => {
                Some(id)
            }
            Viewer::User { .. } | Viewer::Anonymous | Viewer::Rejected => None,
        }
    }
}

impl ViewerExt for Context<'_> {
    fn viewer(&self) -> Result<Option<UserId>, ApiError> {
        let now = || self.data_unchecked::<Clock>().now().timestamp();
        match self.data_opt::<Viewer>() {
            None | Some(Viewer::Anonymous) => Ok(None),
            Some(Viewer::User { id, expires_at, .. }) if *expires_at > now() => Ok(Some(*id)),
            Some(Viewer::User { .. } | Viewer::Rejected) => Err(ApiError::bad_access_token()),
        }
    }

    fn session(&self) -> Option<SessionId> {
        match self.data_opt::<Viewer>() {
            Some(Viewer::User { session, .. }) => *session,
            Some(Viewer::Anonymous | Viewer::Rejected) | None => None,
        }
    }

    fn viewer_until_token_expires(&self) -> ViewerUntil {
        ViewerUntil {
            viewer: self.data_opt::<Viewer>().cloned().unwrap_or(Viewer::Anonymous),
            clock: self.data_unchecked::<Clock>().clone(),
        }
    }

    fn client_address(&self) -> Option<ClientAddress> {
        self.data_opt().copied()
    }
}
