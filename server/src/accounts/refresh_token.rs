//! Refresh tokens, in the form of the cookie and in the form that the database stores.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// A refresh token: 256 random bits. Only the cookie holds them; the database holds their hash.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken([u8; 32]);

impl RefreshToken {
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    pub(crate) fn as_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// A fast hash without salt is enough, because nobody can guess 256 random bits.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_and_nothing_else_does() {
        let token = RefreshToken::random();
        assert_eq!(RefreshToken::parse(&token.as_text()), Some(token.clone()));
        assert_ne!(token.hash(), token.0);
        for text in ["", "abc", &token.as_text()[1..], "ä"] {
            assert_eq!(RefreshToken::parse(text), None);
        }
    }
}
