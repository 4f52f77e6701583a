//! Access tokens: short-lived JWTs that name their user and are never looked up.

use std::fmt;

use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use rowlock_entities::{SessionId, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{hs256, settings::JwtSecrets};
use crate::clock::Clock;

/// The time for which an access token is valid.
pub(crate) const ACCESS_TOKEN_LIFETIME: Duration = Duration::minutes(15);

/// Signs and checks access tokens: JWT with HS256.
#[derive(Clone)]
pub struct AccessTokens {
    signing_key: EncodingKey,
    /// The key of the signing secret comes first, because most tokens are signed with it.
    accepted_keys: Vec<DecodingKey>,
    validation: Validation,
    clock: Clock,
}

/// An access token and when it expires.
#[derive(Clone)]
pub struct AccessToken {
    pub token: String,
    pub expires_at: DateTime<Utc>,
}

/// The user that a request's access token names, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// The request has no token.
    Anonymous,
    /// The request has a token that is expired or not valid. It still gets what anyone may see.
    /// Everything that depends on the viewer is refused, so that the client notices.
    Rejected,
    /// The request belongs to a user, until the token expires at `expires_at` (seconds since 1970).
    /// A socket can outlive its token.
    User {
        id: UserId,
        expires_at: i64,
        /// The session that the token was issued in. Tokens of the previous version don't say it.
        session: Option<SessionId>,
    },
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: Uuid,
    iat: i64,
    exp: i64,
    /// The session. It only tells which one is meant by "this one": whether it has ended is not looked
    /// up.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
    /// This is set only in tokens that another program signs with the same secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

impl AccessTokens {
    #[must_use]
    pub fn new(secrets: &JwtSecrets, clock: Clock) -> Self {
        hs256::install();
        let mut validation = Validation::new(Algorithm::HS256);
        // `check` compares `exp` and `nbf` with this server's clock.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "sub"]);
        Self {
            signing_key: EncodingKey::from_secret(secrets.signing.as_bytes()),
            accepted_keys: [&secrets.signing]
                .into_iter()
                .chain(&secrets.accepted)
                .map(|secret| DecodingKey::from_secret(secret.as_bytes()))
                .collect(),
            validation,
            clock,
        }
    }

    /// Issues a token for `user` that belongs to no session.
    ///
    /// # Errors
    /// Only if the signing library has a defect.
    pub fn issue(&self, user: UserId) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        self.issue_for(user, None)
    }

    /// Issues a token for `user` in a session.
    ///
    /// # Errors
    /// Only if the signing library has a defect.
    pub(super) fn issue_in_session(
        &self,
        user: UserId,
        session: SessionId,
    ) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        self.issue_for(user, Some(session))
    }

    fn issue_for(
        &self,
        user: UserId,
        session: Option<SessionId>,
    ) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        let issued_at = self.clock.now();
        let expires_at = issued_at + ACCESS_TOKEN_LIFETIME;
        let claims = Claims {
            sub: user.0,
            iat: issued_at.timestamp(),
            exp: expires_at.timestamp(),
            sid: session.map(|session| session.0),
            nbf: None,
        };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.signing_key)?;
        Ok(AccessToken { token, expires_at })
    }

    /// The viewer that an `Authorization` header's value stands for.
    #[must_use]
    pub fn viewer(&self, authorization: Option<&str>) -> Viewer {
        let Some(authorization) = authorization else { return Viewer::Anonymous };
        match self.check(authorization) {
            Some(claims) => Viewer::User {
                id: UserId(claims.sub),
                expires_at: claims.exp,
                session: claims.sid.map(SessionId),
            },
            None => Viewer::Rejected,
        }
    }

    fn check(&self, authorization: &str) -> Option<Claims> {
        let (scheme, token) = authorization.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let claims = self.accepted_keys.iter().find_map(|key| {
            Some(decode::<Claims>(token.trim(), key, &self.validation).ok()?.claims)
        })?;
        let now = self.clock.now().timestamp();
        (claims.exp > now && claims.nbf.is_none_or(|nbf| nbf <= now)).then_some(claims)
    }
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessTokens(…)")
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Sha256, Sha384, Sha512};

    use super::*;
    use crate::accounts::JwtSecret;

    fn tokens(secret: &str) -> (AccessTokens, Clock) {
        let clock = Clock::default();
        (AccessTokens::new(&parsed(secret).into(), clock.clone()), clock)
    }

    fn parsed(secret: &str) -> JwtSecret {
        secret.parse().unwrap()
    }

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn mac<M: Mac + KeyInit>(message: &str) -> Vec<u8> {
        let mut mac = <M as KeyInit>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(message.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    #[test]
    fn a_token_is_good_for_its_lifetime() {
        let (tokens, clock) = tokens(SECRET);
        let user = UserId::new();
        let header = format!("Bearer {}", tokens.issue(user).unwrap().token);
        assert!(matches!(tokens.viewer(Some(&header)), Viewer::User { id, .. } if id == user));
        clock.advance(ACCESS_TOKEN_LIFETIME - Duration::seconds(2));
        assert!(matches!(tokens.viewer(Some(&header)), Viewer::User { id, .. } if id == user));
        clock.advance(Duration::seconds(3));
        assert_eq!(tokens.viewer(Some(&header)), Viewer::Rejected);
    }

    #[test]
    fn a_token_names_its_session_if_it_has_one() {
        let (tokens, _) = tokens(SECRET);
        let session_of =
            |token: AccessToken| match tokens.viewer(Some(&format!("Bearer {}", token.token))) {
                Viewer::User { session, .. } => session,
                viewer => panic!("{viewer:?}"),
            };
        let (user, session) = (UserId::new(), SessionId::new());
        assert_eq!(session_of(tokens.issue(user).unwrap()), None);
        let issued = tokens.issue_in_session(user, session).unwrap();
        assert_eq!(session_of(issued), Some(session));
    }

    #[test]
    fn a_token_is_what_was_signed_and_says_all_that_it_must() {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
        let (tokens, clock) = tokens(SECRET);
        let (user, exp) = (UserId::new().0, clock.now().timestamp() + 600);
        let part = |json: &serde_json::Value| BASE64.encode(json.to_string());
        let signed = |algorithm: &str, claims: serde_json::Value| {
            let header = serde_json::json!({ "alg": algorithm, "typ": "JWT" });
            let message = format!("{}.{}", part(&header), part(&claims));
            let signature = match algorithm {
                "HS384" => mac::<Hmac<Sha384>>(&message),
                "HS512" => mac::<Hmac<Sha512>>(&message),
                _ => mac::<Hmac<Sha256>>(&message),
            };
            format!("{message}.{}", BASE64.encode(signature))
        };
        let whole = serde_json::json!({ "sub": user, "iat": 0, "exp": exp });
        let good = signed("HS256", whole.clone());
        assert!(matches!(tokens.viewer(Some(&format!("Bearer {good}"))), Viewer::User { .. }));
        let other = serde_json::json!({ "sub": UserId::new().0, "iat": 0, "exp": exp });
        let parts: Vec<&str> = good.split('.').collect();
        let altered = format!("{}.{}.{}", parts[0], BASE64.encode(other.to_string()), parts[2]);
        let asymmetric = BASE64.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        for token in [
            signed("HS384", whole.clone()),
            signed("HS512", whole),
            signed("HS256", serde_json::json!({ "sub": user, "iat": 0 })),
            signed("HS256", serde_json::json!({ "iat": 0, "exp": exp })),
            signed("HS256", serde_json::json!({ "sub": "x", "iat": 0, "exp": exp })),
            altered,
            format!("{asymmetric}.{}.{}", parts[1], parts[2]),
        ] {
            assert_eq!(
                tokens.viewer(Some(&format!("Bearer {token}"))),
                Viewer::Rejected,
                "{token}"
            );
        }
    }

    #[test]
    fn a_token_is_good_from_when_it_says_so() {
        let (tokens, clock) = tokens(SECRET);
        let now = clock.now().timestamp();
        let (sub, exp, nbf) = (UserId::new().0, now + 600, Some(now + 60));
        let claims = Claims { sub, iat: now, exp, sid: None, nbf };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &tokens.signing_key).unwrap();
        let header = format!("Bearer {token}");
        assert_eq!(tokens.viewer(Some(&header)), Viewer::Rejected);
        clock.advance(Duration::seconds(61));
        assert!(matches!(tokens.viewer(Some(&header)), Viewer::User { .. }));
    }

    #[test]
    fn a_secret_is_replaced_without_signing_anybody_out() {
        const NEW: &str = "new-secret-that-is-32-bytes-or-more-";
        let server = |signing, accepted: Option<&str>| {
            let secrets = JwtSecrets {
                signing: parsed(signing),
                accepted: accepted.map(parsed),
                of_links: None,
            };
            AccessTokens::new(&secrets, Clock::default())
        };
        // Each step is rolled out while servers of the previous one still run.
        let steps = [
            server(SECRET, None),
            server(SECRET, Some(NEW)),
            server(NEW, Some(SECRET)),
            server(NEW, None),
        ];
        for pair in steps.windows(2) {
            for (issuer, checker) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
                let header = format!("Bearer {}", issuer.issue(UserId::new()).unwrap().token);
                let is_last = std::ptr::eq(checker, &raw const steps[3]);
                let is_good = matches!(checker.viewer(Some(&header)), Viewer::User { .. });
                // The last step is taken only when no token of the old secret is left.
                assert!(is_good || is_last);
            }
        }
        let old = format!("Bearer {}", steps[0].issue(UserId::new()).unwrap().token);
        assert_eq!(steps[3].viewer(Some(&old)), Viewer::Rejected);
    }

    #[test]
    fn a_token_of_another_secret_algorithm_or_scheme_is_rejected() {
        let (tokens, _) = tokens(SECRET);
        let user = UserId::new();
        let good = tokens.issue(user).unwrap().token;
        let (others, _) = self::tokens("another-secret-that-is-32-bytes-or-more");
        let foreign = others.issue(user).unwrap().token;
        let claims = good.split('.').nth(1).unwrap();
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.");
        let altered = format!("{good}x");
        for header in [
            format!("Bearer {foreign}"),
            format!("Bearer {unsigned}"),
            format!("Bearer {altered}"),
            format!("Basic {good}"),
            good,
            "Bearer".to_owned(),
            String::new(),
        ] {
            assert_eq!(tokens.viewer(Some(&header)), Viewer::Rejected, "{header}");
        }
        assert_eq!(tokens.viewer(None), Viewer::Anonymous);
    }
}
