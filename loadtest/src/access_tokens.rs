//! The access tokens of the users that a load simulates, and when they expire.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::Deserialize;

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// File with one access token per line, as `rowlock users create` writes it
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
}

const HOW_TO_CREATE: &str = "`rowlock users create --count N --tokens FILE` creates it";

/// Left for the checks after a load, which need valid tokens too.
const MAX_CHECKS_TIME: Duration = Duration::from_secs(2 * 60);

/// The users that a load simulates.
pub(crate) struct AccessTokens {
    /// One per user.
    pub(crate) tokens: Vec<String>,
    first_expiry: SystemTime,
}

impl AccessTokens {
    pub(crate) fn read(args: &Args) -> Result<Self> {
        let file = args.tokens.display();
        let text = fs::read_to_string(&args.tokens)
            .with_context(|| format!("reading {file} ({HOW_TO_CREATE})"))?;
        let tokens: Vec<String> = text.lines().map(str::to_owned).collect();
        let expiries = tokens.iter().map(|token| expiry(token)).collect::<Result<Vec<_>>>();
        let first = expiries.with_context(|| format!("reading {file}"))?.into_iter().min();
        let first_expiry = first.with_context(|| format!("{file} is empty; {HOW_TO_CREATE}"))?;
        Ok(Self { tokens, first_expiry })
    }

    /// Checks that no token expires during a load of this length or the checks after it.
    pub(crate) fn ensure_valid_for(&self, load: Duration) -> Result<()> {
        let left = self.first_expiry.duration_since(SystemTime::now()).unwrap_or_default();
        let needed = load + MAX_CHECKS_TIME;
        ensure!(
            left >= needed,
            "the access tokens expire in {} s, but the load and its checks can take {} s; create \
             new tokens or lower --seconds",
            left.as_secs(),
            needed.as_secs()
        );
        Ok(())
    }
}

/// Reads an access token's expiry, without checking its signature.
pub(crate) fn expiry(token: &str) -> Result<SystemTime> {
    #[derive(Deserialize)]
    struct Claims {
        /// Unix time in seconds.
        exp: u64,
    }
    let read = || {
        let claims = BASE64.decode(token.split('.').nth(1)?).ok()?;
        let Claims { exp } = serde_json::from_slice(&claims).ok()?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(exp))
    };
    read().with_context(|| format!("not an access token: {token:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_until(expiry: SystemTime) -> String {
        let seconds = expiry.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        format!("e30.{}.c2ln", BASE64.encode(format!(r#"{{"sub":"x","exp":{seconds}}}"#)))
    }

    #[test]
    fn a_token_says_when_it_expires() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        assert_eq!(expiry(&token_until(time)).unwrap(), time);
        for wrong in ["", "a.b.c", "e30.e30.c2ln", "e30"] {
            expiry(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_load_must_end_before_the_first_token_expires() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let now = SystemTime::now();
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let text = [token_until(now + minutes(15)), token_until(now + minutes(10))].join("\n");
        fs::write(file.path(), text).unwrap();
        let tokens = AccessTokens::read(&Args { tokens: file.path().to_owned() }).unwrap();
        assert_eq!(tokens.tokens.len(), 2);
        tokens.ensure_valid_for(minutes(7)).unwrap();
        tokens.ensure_valid_for(minutes(9)).unwrap_err();
    }
}
