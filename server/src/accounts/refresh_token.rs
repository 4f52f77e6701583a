//! Refresh tokens, in the form of the cookie and in the form that the database stores.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::purpose_key::PurposeKey;

const SERIES_BYTES: usize = 16;

/// A refresh token: 32 bytes that nobody can guess. Only the cookie holds them; the database holds
/// their hash.
///
/// The first half is random and the same for all tokens of a session. So a token that the database
/// has forgotten still names its session, and nobody can name a session without one of its tokens.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken([u8; 32]);

/// The first half of each token of a session.
#[derive(Clone, Copy)]
pub(super) struct Series([u8; SERIES_BYTES]);

/// The random bytes that a token was made from. The database stores them.
pub(super) type Nonce = [u8; 24];

/// The length of nonces of versions whose cookie had a name that sibling domains can set, too.
const EARLIER_NONCE_BYTES: usize = 16;

/// Whether an earlier version issued the token that has this nonce.
pub(super) fn is_of_earlier_version(nonce: Option<&[u8]>) -> bool {
    nonce.is_none_or(|nonce| nonce.len() == EARLIER_NONCE_BYTES)
}

impl RefreshToken {
    pub(super) fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    pub(crate) fn as_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// A fast hash without salt is enough, because nobody can guess a token.
    pub(super) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }

    pub(super) fn series(&self) -> Series {
        let mut series = [0; SERIES_BYTES];
        series.copy_from_slice(&self.0[..SERIES_BYTES]);
        Series(series)
    }
}

impl Series {
    pub(super) fn random() -> Self {
        Self(rand::random())
    }

    pub(super) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }

    /// Makes a new token of the series.
    ///
    /// Its second half is not random itself. So the server can give the same token again, which it
    /// does not store. For that it takes the series, which only the session's tokens have, the
    /// nonce, which only the database has, and the server's key.
    pub(super) fn new_token(self, key: &PurposeKey) -> (RefreshToken, Nonce) {
        let nonce: Nonce = rand::random();
        (self.token_with(&key.code(&self.message(&nonce))), nonce)
    }

    /// The token of the series that has this nonce and hash, unless it was made with another key.
    pub(super) fn find_token(
        self,
        key: &PurposeKey,
        nonce: &[u8],
        hash: &[u8],
    ) -> Option<RefreshToken> {
        key.codes(&self.message(nonce))
            .map(|code| self.token_with(&code))
            .find(|token| token.hash() == hash)
    }

    fn message(self, nonce: &[u8]) -> Vec<u8> {
        [&self.0, nonce].concat()
    }

    fn token_with(self, code: &[u8; 32]) -> RefreshToken {
        let mut token = *code;
        token[..SERIES_BYTES].copy_from_slice(&self.0);
        RefreshToken(token)
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
    use crate::accounts::{JwtSecret, JwtSecrets};

    #[test]
    fn a_token_survives_its_text_and_nothing_else_does() {
        let key = PurposeKey::new(&JwtSecret::random().into(), "for tests");
        let (token, _) = Series::random().new_token(&key);
        assert_eq!(RefreshToken::parse(&token.as_text()), Some(token.clone()));
        assert_ne!(token.hash(), token.0);
        for text in ["", "abc", &token.as_text()[1..], "ä"] {
            assert_eq!(RefreshToken::parse(text), None);
        }
    }

    #[test]
    fn a_token_is_found_with_its_series_nonce_and_key() {
        let key = PurposeKey::new(&JwtSecret::random().into(), "for tests");
        let other_key = PurposeKey::new(&JwtSecret::random().into(), "for tests");
        let series = Series::random();
        let (token, nonce) = series.new_token(&key);
        let (next, next_nonce) = series.new_token(&key);
        assert_eq!(token.series().hash(), next.series().hash());
        assert_ne!(token, next);
        let found =
            |series: Series, key, nonce: &Nonce| series.find_token(key, nonce, &token.hash());
        assert_eq!(found(next.series(), &key, &nonce), Some(token.clone()));
        assert_eq!(found(series, &key, &next_nonce), None);
        assert_eq!(found(series, &other_key, &nonce), None);
        assert_eq!(found(Series::random(), &key, &nonce), None);
    }

    #[test]
    fn a_token_is_found_while_the_secret_is_being_replaced() {
        let [old, new] = [(); 2].map(|()| JwtSecret::random());
        let before = PurposeKey::new(&old.clone().into(), "for tests");
        let swapped = JwtSecrets { signing: new, accepted: Some(old), of_links: None };
        let after = PurposeKey::new(&swapped, "for tests");
        let series = Series::random();
        let (token, nonce) = series.new_token(&before);
        assert_eq!(series.find_token(&after, &nonce, &token.hash()), Some(token));
    }
}
