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

use super::password_forms::{hashed_forms, prepared};

/// Longest wait for a turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of callers that wait for a turn in each queue. A hash takes tens of milliseconds,
/// so the turn of further callers would come too late.
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
    strangers: Arc<Queue>,
    known_devices: Arc<Queue>,
}

/// Whose password it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Somebody in a browser in which the same account has signed in before.
    KnownDevice,
    /// Anybody.
    Stranger,
}

/// Whether a password is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    No,
    Yes,
    /// The hash was made by an earlier version, from another form of the password. This one replaces
    /// it.
    YesInOldForm(PasswordHash),
}

/// Callers that wait. Only the first one of each queue waits for a turn, so the queues take turns,
/// and a flood in one of them does not keep up the other.
#[derive(Debug)]
struct Queue {
    first: Semaphore,
    waiting: AtomicUsize,
}

impl Queue {
    fn new() -> Self {
        Self { first: Semaphore::new(1), waiting: AtomicUsize::new(0) }
    }
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
        Self {
            turns: Arc::new(Semaphore::new(turns)),
            strangers: Arc::new(Queue::new()),
            known_devices: Arc::new(Queue::new()),
        }
    }

    /// The number of callers that wait for a turn.
    pub(crate) fn waiting(&self) -> usize {
        [&self.strangers, &self.known_devices]
            .map(|queue| queue.waiting.load(Ordering::Relaxed))
            .iter()
            .sum()
    }

    pub(crate) async fn hash(&self, password: String) -> Result<PasswordHash, PasswordError> {
        self.in_turn(Caller::Stranger, move || hash_now(&prepared(&password))).await
    }

    /// Whether `stored` was made from `password`, in any form. Without `stored`, the answer is no,
    /// after the same work.
    pub(crate) async fn verify(
        &self,
        password: String,
        stored: Option<PasswordHash>,
        caller: Caller,
    ) -> Result<Verified, PasswordError> {
        self.in_turn(caller, move || {
            let (is_known, hash) = match &stored {
                Some(hash) => (true, Some(hash)),
                None => (false, NOBODYS_HASH.as_ref()),
            };
            let Some(hash) = hash else { return Ok(Verified::No) };
            for (number, form) in hashed_forms(&password).iter().enumerate() {
                if verify_now(form, hash)? && is_known {
                    return match number {
                        0 => Ok(Verified::Yes),
                        _ => Ok(Verified::YesInOldForm(hash_now(&prepared(&password))?)),
                    };
                }
            }
            Ok(Verified::No)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        caller: Caller,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let queue = match caller {
            Caller::KnownDevice => &self.known_devices,
            Caller::Stranger => &self.strangers,
        };
        let waiting = Waiting::among(&queue.waiting)?;
        let turn = async {
            let _first = queue.first.acquire().await?;
            Arc::clone(&self.turns).acquire_owned().await
        };
        let turn = timeout(TURN_TIMEOUT, turn)
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
        let verify = async |password: &str, stored| {
            passwords.verify(password.to_owned(), stored, Caller::Stranger).await.unwrap()
        };
        assert_eq!(verify("correct horse 1", Some(hash.clone())).await, Verified::Yes);
        assert_eq!(verify("correct horse 2", Some(hash)).await, Verified::No);
        assert_eq!(verify("no account has this password", None).await, Verified::No);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_crowd_of_strangers_does_not_keep_up_a_known_device() {
        let passwords = Passwords::new();
        let guess = |caller| {
            let passwords = passwords.clone();
            async move { passwords.verify("wrong".to_owned(), None, caller).await }
        };
        let strangers: Vec<_> =
            (0..MAX_WAITING / 2).map(|_| tokio::spawn(guess(Caller::Stranger))).collect();
        while passwords.waiting() < MAX_WAITING / 4 {
            tokio::task::yield_now().await;
        }
        for remaining in [MAX_WAITING / 5, MAX_WAITING / 6] {
            assert_eq!(guess(Caller::KnownDevice).await.unwrap(), Verified::No);
            assert!(passwords.waiting() > remaining, "{}", passwords.waiting());
        }
        for stranger in strangers {
            assert_eq!(stranger.await.unwrap().unwrap(), Verified::No);
        }
        assert_eq!(passwords.waiting(), 0);
    }
}
