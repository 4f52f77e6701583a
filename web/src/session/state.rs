//! The session as this page knows it, and the next step after a rejected access token.

use rowlock_web_operations::accounts::{AuthPayload, User};
use serde::{Deserialize, Serialize};

/// The signed-in user and their access token. Kept in memory only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SignedIn {
    pub(crate) user: SessionUser,
    pub(super) access_token: String,
}

/// The signed-in user, as the header shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionUser {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// The session as this page knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionState {
    /// There may be a session. Only the server can tell, because no script can read the cookie.
    Restoring,
    SignedOut,
    SignedIn(SignedIn),
}

/// The page's user, as far as known. It does not change when the access token is refreshed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Viewer {
    /// The session is being restored.
    Unknown,
    SignedOut,
    SignedIn(SessionUser),
}

/// The next step for an operation whose access token was rejected.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AfterRejection {
    /// Repeat it with this token, which replaced the rejected one meanwhile.
    Repeat(String),
    /// Refresh the token first.
    Refresh,
    /// Fail: the session has ended, or another user has signed in.
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

    /// An operation of `sender` must never be repeated as another user.
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
    fn a_rejected_token_is_refreshed_unless_a_newer_one_is_there() {
        let sender = signed_in("ada", "old");
        let same = SessionState::SignedIn(signed_in("ada", "old"));
        assert_eq!(same.after_rejection(&sender), AfterRejection::Refresh);
        let refreshed = SessionState::SignedIn(signed_in("ada", "new"));
        assert_eq!(refreshed.after_rejection(&sender), AfterRejection::Repeat("new".to_owned()));
    }

    #[test]
    fn an_operation_is_never_repeated_as_another_user() {
        let sender = signed_in("ada", "old");
        let other = SessionState::SignedIn(signed_in("grace", "new"));
        assert_eq!(other.after_rejection(&sender), AfterRejection::GiveUp);
        assert_eq!(SessionState::SignedOut.after_rejection(&sender), AfterRejection::GiveUp);
    }

    #[test]
    fn the_viewer_stays_the_same_when_the_token_is_refreshed() {
        let viewer = |token| SessionState::SignedIn(signed_in("ada", token)).viewer();
        assert_eq!(viewer("old"), viewer("new"));
        assert_eq!(SessionState::Restoring.viewer(), Viewer::Unknown);
        assert_eq!(SessionState::SignedOut.viewer(), Viewer::SignedOut);
    }
}
