//! Keys for single purposes, derived from the secrets that sign access tokens.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::settings::{JwtSecret, JwtSecrets};

/// Computes HMAC-SHA-256 with keys that serve one purpose only. While `JWT_SECRET` is being
/// replaced, there are two: one from each secret.
#[derive(Clone)]
pub(crate) struct PurposeKey {
    signing: Hmac<Sha256>,
    accepted: Option<Hmac<Sha256>>,
}

impl PurposeKey {
    /// `purpose` has a space in it. So it is not what is signed for an access token, and no key is
    /// a part of one.
    pub(crate) fn new(secrets: &JwtSecrets, purpose: &str) -> Self {
        debug_assert!(purpose.contains(' '), "{purpose}");
        let derive = |secret: &JwtSecret| {
            let derivation = keyed(secret.as_bytes()).chain_update(purpose);
            keyed(&derivation.finalize().into_bytes())
        };
        Self { signing: derive(&secrets.signing), accepted: secrets.accepted.as_ref().map(derive) }
    }

    /// The code of `message` with the first key.
    pub(crate) fn code(&self, message: &[u8]) -> [u8; 32] {
        code(&self.signing, message)
    }

    /// The codes of `message` with each key, the first key's first.
    pub(crate) fn codes(&self, message: &[u8]) -> impl Iterator<Item = [u8; 32]> {
        self.keys().map(|key| code(key, message))
    }

    /// Whether one of the keys made this code of `message`. Takes the same time for every code of
    /// this length.
    pub(crate) fn has_code(&self, message: &[u8], code: &[u8; 32]) -> bool {
        let verified = self
            .keys()
            .filter(|key| (*key).clone().chain_update(message).verify_slice(code).is_ok());
        verified.count() > 0
    }

    fn keys(&self) -> impl Iterator<Item = &Hmac<Sha256>> {
        [Some(&self.signing), self.accepted.as_ref()].into_iter().flatten()
    }
}

impl fmt::Debug for PurposeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PurposeKey(…)")
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of any length")
}

fn code(key: &Hmac<Sha256>, message: &[u8]) -> [u8; 32] {
    key.clone().chain_update(message).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_depend_on_secret_purpose_and_message() {
        let [first, second] = ["1", "2"].map(|text| text.repeat(32).parse::<JwtSecret>().unwrap());
        let both = JwtSecrets { signing: second, accepted: Some(first.clone()), of_links: None };
        let key = PurposeKey::new(&first.into(), "for tests");
        let code = key.code(b"message");
        assert_eq!(code, key.code(b"message"));
        assert_ne!(code, key.code(b"massage"));
        let codes: Vec<_> = PurposeKey::new(&both, "for tests").codes(b"message").collect();
        assert_eq!((codes.len(), codes[1]), (2, code));
        let both_keys = PurposeKey::new(&both, "for tests");
        assert!(both_keys.has_code(b"message", &code) && both_keys.has_code(b"message", &codes[0]));
        assert!(!both_keys.has_code(b"massage", &code) && !key.has_code(b"message", &codes[0]));
        assert_ne!(codes[0], code);
        assert!(PurposeKey::new(&both, "for others").codes(b"message").all(|other| other != code));
        assert_eq!(format!("{key:?}"), "PurposeKey(…)");
    }
}
