//! Hashes passwords with argon2id, outside of the async threads, and only a few at a time.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc},
};
use rowlock_entities::user::PasswordHash;
use tokio::{sync::Semaphore, time::timeout};

/// Longest wait for a turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of callers that wait for a turn. A hash takes tens of milliseconds, so the turn
/// of further callers would come too late.
const MAX_WAITING: usize = 250;

/// The hash that is checked if there is no such user, so that the answer takes as long.
static NOBODYS_HASH: LazyLock<Option<PasswordHash>> =
    LazyLock::new(|| hash_now("no account has this password").ok());

/// The reason why a password was not hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("too many passwords are waiting to be checked")]
    Busy,
    #[error("argon2: {0}")]
    Hash(String),
}

/// Hashes and checks passwords with OWASP's parameters, which are the argon2 crate's defaults:
/// argon2id, 19 MiB, two passes.
/// <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

/// A caller that waits for a turn, counted until this is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(count: &'a AtomicUsize) -> Result<Self, PasswordError> {
        let waiting = Self(count);
        match count.fetch_add(1, Ordering::Relaxed) < MAX_WAITING {
            true => Ok(waiting),
            false => Err(PasswordError::Busy),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Passwords {
    /// Each hash keeps a core busy. One core is left for everything else, so that a flood of
    /// guesses does not keep people from booking.
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = cores.saturating_sub(1).max(1);
        Self { turns: Arc::new(Semaphore::new(turns)), waiting: Arc::default() }
    }

    /// The number of callers that wait for a turn.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) async fn hash(&self, password: String) -> Result<PasswordHash, PasswordError> {
        self.in_turn(move || hash_now(&password)).await
    }

    /// Whether `stored` was made from `password`. Without `stored`, the answer is no, after the
    /// same work.
    pub(crate) async fn verify(
        &self,
        password: String,
        stored: Option<PasswordHash>,
    ) -> Result<bool, PasswordError> {
        self.in_turn(move || match stored {
            Some(hash) => verify_now(&password, &hash),
            None => {
                if let Some(hash) = NOBODYS_HASH.as_ref() {
                    verify_now(&password, hash)?;
                }
                Ok(false)
            }
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let waiting = Waiting::among(&self.waiting)?;
        let turn = timeout(TURN_TIMEOUT, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| PasswordError::Busy)?
            .map_err(|e| PasswordError::Hash(e.to_string()))?;
        drop(waiting);
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        })
        .await
        .map_err(|e| PasswordError::Hash(e.to_string()))?
    }
}

fn hash_now(password: &str) -> Result<PasswordHash, PasswordError> {
    let hash: phc::PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|e| PasswordError::Hash(e.to_string()))?;
    Ok(PasswordHash(hash.to_string()))
}

fn verify_now(password: &str, stored: &PasswordHash) -> Result<bool, PasswordError> {
    let stored =
        phc::PasswordHash::new(&stored.0).map_err(|e| PasswordError::Hash(e.to_string()))?;
    match Argon2::default().verify_password(password.as_bytes(), &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(PasswordError::Hash(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_verifies() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse 1".to_owned()).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        assert!(passwords.verify("correct horse 1".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correct horse 2".to_owned(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("no account has this password".to_owned(), None).await.unwrap());
    }
}
