//! Access tokens: those of the users that a load plays, and when they expire.

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
    /// File with an access token a line, as `rowlock users create` writes it
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
}

const MAKE_THEM: &str = "`rowlock users create --count N --tokens FILE` makes them";

/// A load's checks, after it, must be done before the first token expires.
const MAX_CHECKS_TIME: Duration = Duration::from_secs(2 * 60);

/// The users that a load plays.
pub(crate) struct AccessTokens {
    /// A token for each user.
    pub(crate) tokens: Vec<String>,
    first_expiry: SystemTime,
}

impl AccessTokens {
    pub(crate) fn read(args: &Args) -> Result<Self> {
        let file = args.tokens.display();
        let text = fs::read_to_string(&args.tokens)
            .with_context(|| format!("reading {file} ({MAKE_THEM})"))?;
        let tokens: Vec<String> = text.lines().map(str::to_owned).collect();
        let expiries = tokens.iter().map(|token| expiry(token)).collect::<Result<Vec<_>>>();
        let first = expiries.with_context(|| format!("reading {file}"))?.into_iter().min();
        let first_expiry = first.with_context(|| format!("{file} is empty: {MAKE_THEM}"))?;
        Ok(Self { tokens, first_expiry })
    }

    /// Makes sure that the tokens are valid for a load of this length and the checks after it.
    pub(crate) fn ensure_valid_for(&self, load: Duration) -> Result<()> {
        let left = self.first_expiry.duration_since(SystemTime::now()).unwrap_or_default();
        let needed = load + MAX_CHECKS_TIME;
        ensure!(
            left >= needed,
            "the access tokens expire in {} s, and the load with its checks takes up to {} s: make new \
             tokens, or set a lower --seconds",
            left.as_secs(),
            needed.as_secs()
        );
        Ok(())
    }
}

/// When an access token expires.
pub(crate) fn expiry(token: &str) -> Result<SystemTime> {
    #[derive(Deserialize)]
    struct Claims {
        /// Seconds since 1970.
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
