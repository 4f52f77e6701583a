//! Who uses this page, as far as it knows. Plain Rust.

use rowlock_web_operations::accounts::{AuthPayload, User};
use serde::{Deserialize, Serialize};

/// Who is signed in, and the proof of it. It lives in memory only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SignedIn {
    pub(crate) user: SessionUser,
    pub(super) access_token: String,
}

/// Whom the header greets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionUser {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// What is known of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionState {
    /// There may be one: the refresh cookie, which the page can't see, will tell.
    Restoring,
    SignedOut,
    SignedIn(SignedIn),
}

/// Who looks at the page; the same however often the access token is renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Viewer {
    /// Not known yet.
    Unknown,
    SignedOut,
    SignedIn(SessionUser),
}

/// What to do about an operation whose access token was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AfterRejection {
    /// The token was renewed meanwhile: ask again with this one.
    Repeat(String),
    Refresh,
    /// The session ended meanwhile, or is somebody else's now.
    GiveUp,
}

impl From<AuthPayload> for SignedIn {
    fn from(payload: AuthPayload) -> Self {
        let User { id, name } = payload.user;
        Self { user: SessionUser { id: id.into_inner(), name }, access_token: payload.access_token }
    }
}

impl SessionState {
    pub(crate) fn viewer(&self) -> Viewer {
        match self {
            Self::Restoring => Viewer::Unknown,
            Self::SignedOut => Viewer::SignedOut,
            Self::SignedIn(signed_in) => Viewer::SignedIn(signed_in.user.clone()),
        }
    }

    pub(super) fn signed_in(&self) -> Option<&SignedIn> {
        match self {
            Self::SignedIn(signed_in) => Some(signed_in),
            Self::Restoring | Self::SignedOut => None,
        }
    }

    /// An operation of `sender` must never be repeated as another user's.
    pub(super) fn after_rejection(&self, sender: &SignedIn) -> AfterRejection {
        match self {
            Self::SignedIn(now) if now.user.id != sender.user.id => AfterRejection::GiveUp,
            Self::SignedIn(now) if now.access_token != sender.access_token => {
                AfterRejection::Repeat(now.access_token.clone())
            }
            Self::SignedIn(_) | Self::Restoring => AfterRejection::Refresh,
            Self::SignedOut => AfterRejection::GiveUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed_in(id: &str, token: &str) -> SignedIn {
        let user = SessionUser { id: id.to_owned(), name: "Ada".to_owned() };
        SignedIn { user, access_token: token.to_owned() }
    }

    #[test]
    fn a_rejected_token_is_renewed_once_and_a_renewed_one_used_at_once() {
        let sender = signed_in("ada", "old");
        let same = SessionState::SignedIn(signed_in("ada", "old"));
        assert_eq!(same.after_rejection(&sender), AfterRejection::Refresh);
        let renewed = SessionState::SignedIn(signed_in("ada", "new"));
        assert_eq!(renewed.after_rejection(&sender), AfterRejection::Repeat("new".to_owned()));
    }

    #[test]
    fn an_operation_is_never_repeated_as_somebody_else() {
        let sender = signed_in("ada", "old");
        let other = SessionState::SignedIn(signed_in("grace", "new"));
        assert_eq!(other.after_rejection(&sender), AfterRejection::GiveUp);
        assert_eq!(SessionState::SignedOut.after_rejection(&sender), AfterRejection::GiveUp);
    }

    #[test]
    fn the_viewer_stays_the_same_when_the_token_is_renewed() {
        let viewer = |token| SessionState::SignedIn(signed_in("ada", token)).viewer();
        assert_eq!(viewer("old"), viewer("new"));
        assert_eq!(SessionState::Restoring.viewer(), Viewer::Unknown);
        assert_eq!(SessionState::SignedOut.viewer(), Viewer::SignedOut);
    }
}
