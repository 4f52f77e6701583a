//! The secrets that access tokens are signed with, and what accounts need.

use std::{fmt, str::FromStr};

use anyhow::{Context, Result, bail};
use clap::Args;

/// Settings for accounts.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct AccountArgs {
    /// Let only people book who have verified their email
    #[arg(
        long,
        env,
        value_name = "BOOL",
        default_value_t = false,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub require_verified_email: bool,
}

/// Settings for the secrets of access tokens.
#[derive(Clone, Debug, Default, Args)]
pub struct SecretArgs {
    /// Secret that signs access tokens: 32 bytes or more, the same on every server and for commands
    /// that write tokens. Required with PostgreSQL; with SQLite, `serve` makes a random one at each
    /// start without it
    #[arg(long, env, value_name = "SECRET", hide_env_values = true)]
    pub jwt_secret: Option<JwtSecret>,

    /// A second secret whose access tokens are accepted, too. To replace JWT_SECRET without signing
    /// anybody out, first set the new secret here on every server, then swap the two, and remove
    /// the old one once the last token that it signed has expired
    #[arg(long, env, value_name = "SECRET", hide_env_values = true)]
    pub jwt_accepted_secret: Option<JwtSecret>,
}

impl SecretArgs {
    /// The configured secrets.
    ///
    /// # Errors
    /// When JWT_SECRET is not set.
    pub fn secrets(&self) -> Result<JwtSecrets> {
        let signing = self.jwt_secret.clone().context(
            "JWT_SECRET is not set; give every server the same 32 random bytes or more, \
             as from `openssl rand -base64 48`",
        )?;
        Ok(JwtSecrets { signing, accepted: self.jwt_accepted_secret.clone(), of_links: None })
    }

    /// The configured secrets. If JWT_SECRET is not set, a random secret signs access tokens, and
    /// `kept` signs the links that end reminders. With JWT_SECRET, links that `kept` signed are
    /// accepted, unless JWT_ACCEPTED_SECRET is set.
    #[must_use]
    pub fn secrets_or_random(&self, kept: Option<JwtSecret>) -> JwtSecrets {
        let (jwt, accepted) = (self.jwt_secret.clone(), self.jwt_accepted_secret.clone());
        let of_links = kept.map(|kept| {
            let (signing, accepted) = match &jwt {
                None => (kept, accepted.clone()),
                Some(jwt) => (jwt.clone(), accepted.clone().or(Some(kept))),
            };
            Box::new(JwtSecrets { signing, accepted, of_links: None })
        });
        let signing = jwt.unwrap_or_else(JwtSecret::random);
        JwtSecrets { signing, accepted, of_links }
    }
}

/// At least 32 bytes that only the servers know.
#[derive(Clone)]
pub struct JwtSecret(Vec<u8>);

impl JwtSecret {
    const MIN_BYTES: usize = 32;

    /// Makes a secret that nobody else has. Tokens signed with it become invalid when this process
    /// ends.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random::<[u8; 32]>().to_vec())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for JwtSecret {
    type Err = anyhow::Error;

    fn from_str(secret: &str) -> Result<Self> {
        // Blanks around it, as a file's last line has, are no secret.
        let len = secret.trim().len();
        if len < Self::MIN_BYTES {
            bail!(
                "it needs at least {} bytes and has {len}; `openssl rand -base64 48` makes a good one",
                Self::MIN_BYTES,
            );
        }
        Ok(Self(secret.as_bytes().to_vec()))
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(…)")
    }
}

/// The secrets of access tokens.
#[derive(Clone, Debug)]
pub struct JwtSecrets {
    /// Signs new tokens.
    pub signing: JwtSecret,
    /// Tokens that this secret signed are accepted, too.
    pub accepted: Option<JwtSecret>,
    /// The secrets of links that must stay good when the server starts again, if they are others.
    pub of_links: Option<Box<Self>>,
}

impl JwtSecrets {
    /// The secrets of links that must stay good when the server starts again.
    pub(super) fn of_links(&self) -> &Self {
        self.of_links.as_deref().unwrap_or(self)
    }
}

impl From<JwtSecret> for JwtSecrets {
    fn from(signing: JwtSecret) -> Self {
        Self { signing, accepted: None, of_links: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_jwt_secret_is_refused_and_a_good_one_is_never_shown() {
        for short in ["x".repeat(31), " ".repeat(40), format!("  {}\n", "x".repeat(31))] {
            assert!(short.parse::<JwtSecret>().is_err());
        }
        let secret: JwtSecret = "x".repeat(32).parse().unwrap();
        assert!(!format!("{secret:?}").contains('x'));
    }
}
