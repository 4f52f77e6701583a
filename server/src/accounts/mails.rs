//! The job that sends a mail about an account.

use rowlock_entities::{AccountTokenId, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::jobs::Job;

/// A mail about an account. What it says is read when it is sent, unless that is gone by then.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "mail", rename_all = "snake_case")]
pub(crate) enum AccountMail {
    /// The link that verifies an address: the account's own, or the one that a change waits for.
    VerifyEmail { token_id: Uuid },
    /// The link that resets the password of whoever has this address, if somebody has. Only the
    /// worker finds that out, so that nobody can tell by the answer to the request.
    RequestedReset { email: String },
    /// The password is another one now.
    PasswordChanged { user_id: Uuid },
    /// Somebody wants the account to have another address. It goes to the present one.
    EmailChangeRequested { email: String, name: Option<String>, masked_new_email: String },
    /// The account has another address now. It goes to the one before.
    EmailChanged { email: String, name: Option<String> },
    /// The account is deleted. It goes to the address that it had.
    AccountDeleted { email: String, name: Option<String> },
}

impl Job for AccountMail {
    const KIND: &'static str = "account_mail";
    const MAX_RUNNING: usize = 2;
}

impl AccountMail {
    pub(super) fn verify_email(token: AccountTokenId) -> Self {
        Self::VerifyEmail { token_id: token.0 }
    }

    pub(super) fn requested_reset(email: String) -> Self {
        Self::RequestedReset { email }
    }

    pub(super) fn password_changed(user: UserId) -> Self {
        Self::PasswordChanged { user_id: user.0 }
    }
}

/// An address of which only its owner knows what is hidden: `a…@e…`.
pub(super) fn masked(email: &str) -> String {
    let start = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    match email.rsplit_once('@') {
        Some((local, domain)) => format!("{}…@{}…", start(local), start(domain)),
        None => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_address_shows_only_two_letters() {
        assert_eq!(masked("ada@example.org"), "a…@e…");
        assert_eq!(masked("ö@münchen.example"), "ö…@m…");
        assert_eq!(masked("nothing"), "…");
    }
}
