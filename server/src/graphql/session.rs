//! The `Session` type, and the mutation `endSession`.

use async_graphql::{Context, ID, Object, SimpleObject};
use rowlock_entities::{SessionId, session};

use super::{
    errors::ApiError,
    input,
    scalars::DateTime,
    session_cookie::{CanSetCookie, SessionCookie},
    sessions::check_sign_in,
    viewer::ViewerExt,
};
use crate::accounts::Sessions;

/// A sign-in of the viewer in one browser or program.
#[derive(SimpleObject)]
pub(super) struct Session {
    /// UUIDv7.
    id: ID,
    /// When the person signed in.
    created_at: DateTime,
    /// When the session was last continued by `refresh`.
    last_seen_at: DateTime,
    /// What the browser called itself at the sign-in, up to 200 characters; empty if it is not known.
    user_agent: String,
    /// Whether the request belongs to this session. It is false for all sessions if the access token
    /// was issued by the previous version.
    current: bool,
}

impl Session {
    pub(super) fn of(session: session::Model, current: Option<SessionId>) -> Self {
        Self {
            id: session.id.0.into(),
            created_at: DateTime(session.created_at),
            last_seen_at: DateTime(session.last_seen_at.unwrap_or(session.created_at)),
            user_agent: session.user_agent.unwrap_or_default(),
            current: current == Some(session.id),
        }
    }
}

#[derive(Default)]
pub(super) struct EndSessionMutation;

#[Object]
impl EndSessionMutation {
    /// Ends one of the signed-in user's sessions. If it is the current one, this is a `logout`. Access
    /// tokens that were already issued stay valid until they expire.
    ///
    /// Errors: `UNAUTHENTICATED`, `BAD_USER_INPUT`, `RATE_LIMITED`; `NOT_FOUND` if the user has no such
    /// session.
    #[graphql(guard = "CanSetCookie")]
    async fn end_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session's id.")] session_id: ID,
    ) -> Result<bool, ApiError> {
        check_sign_in(ctx)?;
        let user = ctx.signed_in_user()?;
        let session = input::id("sessionId", &session_id)?;
        Box::pin(ctx.data_unchecked::<Sessions>().end_of_user(user, session)).await?;
        if ctx.session() == Some(session) {
            ctx.data_unchecked::<SessionCookie>().clear(ctx);
        }
        Ok(true)
    }
}
