//! Tokens in the links of reminders, by which people get no more of them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rowlock_entities::UserId;
use uuid::Uuid;

use super::{purpose_key::PurposeKey, settings::JwtSecrets};

/// Makes and reads the tokens in these links: a user's id and its code. They are good for as
/// long as the server's secret is or, without one, as the one in the database.
#[derive(Clone, Debug)]
pub(super) struct UnsubscribeTokens(PurposeKey);

const ID_BYTES: usize = 16;

impl UnsubscribeTokens {
    pub(super) fn new(secrets: &JwtSecrets) -> Self {
        Self(PurposeKey::new(secrets.of_links(), "rowlock unsubscribe links"))
    }

    pub(super) fn of(&self, user: UserId) -> String {
        let id = user.0.as_bytes();
        URL_SAFE_NO_PAD.encode([&id[..], &self.0.code(id)].concat())
    }

    pub(super) fn user(&self, token: &str) -> Option<UserId> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, code) = bytes.split_at_checked(ID_BYTES)?;
        let is_ours = self.0.has_code(id, &code.try_into().ok()?);
        is_ours.then(|| Uuid::from_slice(id).ok().map(UserId))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{JwtSecret, SecretArgs};

    #[test]
    fn a_token_is_of_one_person_and_of_one_secret() {
        let tokens = UnsubscribeTokens::new(&JwtSecret::random().into());
        let user = UserId::new();
        let token = tokens.of(user);
        assert_eq!(tokens.user(&token), Some(user));
        assert_eq!(UnsubscribeTokens::new(&JwtSecret::random().into()).user(&token), None);
        // A server without a secret of its own uses the one in the database, also after it got one.
        let kept = || Some("k".repeat(32).parse().unwrap());
        let tokens_with = |jwt_secret| {
            let args = SecretArgs { jwt_secret, jwt_accepted_secret: None };
            UnsubscribeTokens::new(&args.secrets_or_random(kept()))
        };
        let token_of_kept = tokens_with(None).of(user);
        for later in [None, Some(JwtSecret::random())] {
            assert_eq!(tokens_with(later).user(&token_of_kept), Some(user));
        }
        for wrong in ["", "A", &token[1..], &tokens.of(UserId::new())[..40]] {
            assert_eq!(tokens.user(wrong), None, "{wrong}");
        }
        let mut other = URL_SAFE_NO_PAD.decode(&token).unwrap();
        other[3] ^= 1;
        assert_eq!(tokens.user(&URL_SAFE_NO_PAD.encode(other)), None);
    }
}
