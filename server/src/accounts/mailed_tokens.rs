//! Tokens that are sent by mail. The database has only their hashes.
//!
//! A token is made from its row's id and a key of the server. So a mail that is sent once more has
//! the same token, and nobody can make one who knows the database alone.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Duration;
use rowlock_entities::{AccountTokenId, account_token::Purpose};
use sha2::{Digest, Sha256};

use super::{purpose_key::PurposeKey, settings::JwtSecrets};

/// The time for which a token is good.
pub(super) fn lifetime(purpose: Purpose) -> Duration {
    match purpose {
        Purpose::ResetPassword => Duration::hours(1),
        Purpose::VerifyEmail | Purpose::ChangeEmail => Duration::days(7),
    }
}

/// Makes tokens.
#[derive(Clone, Debug)]
pub(super) struct MailedTokens(PurposeKey);

/// A token, which is never logged.
pub(super) struct MailedToken([u8; 32]);

impl MailedTokens {
    pub(super) fn new(secrets: &JwtSecrets) -> Self {
        Self(PurposeKey::new(secrets, "rowlock mailed tokens"))
    }

    /// The token of a new row.
    pub(super) fn of(&self, id: AccountTokenId) -> MailedToken {
        MailedToken(self.0.code(id.0.as_bytes()))
    }

    /// The token of the row with this hash, unless it was made with another secret.
    pub(super) fn find(&self, id: AccountTokenId, hash: &[u8]) -> Option<MailedToken> {
        self.0.codes(id.0.as_bytes()).map(MailedToken).find(|token| token.hash() == hash)
    }
}

impl MailedToken {
    /// Reads the text from a mail's link.
    pub(super) fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text.trim()).ok()?.try_into().ok().map(Self)
    }

    pub(super) fn as_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// A fast hash without salt is enough, because nobody can guess a token.
    pub(super) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::JwtSecret;

    #[test]
    fn a_token_is_made_again_from_its_row_while_its_secret_is_known() {
        let [old, new] = [(); 2].map(|()| JwtSecret::random());
        let tokens = MailedTokens::new(&old.clone().into());
        let (id, other) = (AccountTokenId::new(), AccountTokenId::new());
        let token = tokens.of(id);
        let again =
            |tokens: &MailedTokens, id| tokens.find(id, &token.hash()).map(|token| token.as_text());
        assert_eq!(again(&tokens, id), Some(token.as_text()));
        assert_eq!(again(&tokens, other), None);
        let swapped = MailedTokens::new(&JwtSecrets {
            signing: new.clone(),
            accepted: Some(old),
            of_links: None,
        });
        assert_eq!(again(&swapped, id), Some(token.as_text()));
        assert_eq!(again(&MailedTokens::new(&new.into()), id), None);
    }

    #[test]
    fn a_token_survives_its_text_and_nothing_else_is_one() {
        let token = MailedTokens::new(&JwtSecret::random().into()).of(AccountTokenId::new());
        let text = token.as_text();
        assert_eq!(text.len(), 43);
        let parsed = MailedToken::parse(&format!(" {text}\n")).unwrap();
        assert_eq!(parsed.hash(), token.hash());
        for text in ["", "abc", &text[1..], &format!("{text}A"), "ä"] {
            assert!(MailedToken::parse(text).is_none(), "{text}");
        }
    }
}
