//! Counts the bytes that clients make the server hold: what has arrived and is not answered yet,
//! what running operations and subscriptions need, and answers that are not read yet.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// An account of held bytes with a limit. What a socket holds is also held by its address, so an
/// account can be a part of another one. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct HeldBytes(Arc<Account>);

#[derive(Debug)]
struct Account {
    held: AtomicUsize,
    max: usize,
    whole: Option<HeldBytes>,
}

/// The limit of an account, or of the one that it is a part of, is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit of {max} held bytes is reached")]
pub(crate) struct HoldsTooMuch {
    pub(crate) max: usize,
}

impl HeldBytes {
    pub(crate) fn new(max: usize) -> Self {
        Self(Arc::new(Account { held: AtomicUsize::new(0), max, whole: None }))
    }

    /// An account whose bytes count here as well.
    pub(crate) fn part(&self, max: usize) -> Self {
        Self(Arc::new(Account { held: AtomicUsize::new(0), max, whole: Some(self.clone()) }))
    }

    /// Counts `bytes` until the result is dropped.
    ///
    /// # Errors
    /// When there would be more bytes than the limit.
    pub(crate) fn hold(&self, bytes: usize) -> Result<Hold, HoldsTooMuch> {
        self.add(bytes)?;
        Ok(Hold { account: self.clone(), bytes })
    }

    /// Counts `bytes` that exist already, so that what comes next may be refused.
    pub(crate) fn hold_anyway(&self, bytes: usize) -> Hold {
        let mut account = Some(self);
        while let Some(HeldBytes(of)) = account {
            of.held.fetch_add(bytes, Ordering::Relaxed);
            account = of.whole.as_ref();
        }
        Hold { account: self.clone(), bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.held.load(Ordering::Relaxed) == 0
    }

    fn add(&self, bytes: usize) -> Result<(), HoldsTooMuch> {
        let Self(account) = self;
        let sum = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= account.max);
        account
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum)
            .map_err(|_| HoldsTooMuch { max: account.max })?;
        if let Some(whole) = &account.whole
            && let Err(error) = whole.add(bytes)
        {
            account.held.fetch_sub(bytes, Ordering::Relaxed);
            return Err(error);
        }
        Ok(())
    }

    fn remove(&self, bytes: usize) {
        let mut account = Some(self);
        while let Some(HeldBytes(of)) = account {
            of.held.fetch_sub(bytes, Ordering::Relaxed);
            account = of.whole.as_ref();
        }
    }
}

/// Bytes that are counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    account: HeldBytes,
    bytes: usize,
}

impl Hold {
    /// Counts as many bytes as needed for `bytes` in all. It never shrinks, because buffers that
    /// have grown keep their size.
    ///
    /// # Errors
    /// When there would be more bytes than the limit. Nothing is then added.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), HoldsTooMuch> {
        if bytes > self.bytes {
            self.account.add(bytes - self.bytes)?;
            self.bytes = bytes;
        }
        Ok(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.account.remove(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_held_until_they_are_dropped() {
        let account = HeldBytes::new(10);
        let mut hold = account.hold(4).unwrap();
        assert_eq!(account.hold(7).unwrap_err(), HoldsTooMuch { max: 10 });
        hold.grow_to(10).unwrap();
        hold.grow_to(3).unwrap();
        assert!(account.hold(1).is_err(), "a hold does not shrink");
        assert!(hold.grow_to(11).is_err());
        drop(hold);
        account.hold(10).unwrap();
    }

    #[test]
    fn what_a_part_holds_counts_for_the_whole() {
        let whole = HeldBytes::new(10);
        let (one, other) = (whole.part(8), whole.part(8));
        assert_eq!(one.hold(9).unwrap_err(), HoldsTooMuch { max: 8 });
        let hold = one.hold(8).unwrap();
        assert_eq!(other.hold(3).unwrap_err(), HoldsTooMuch { max: 10 });
        assert_eq!(other.0.held.load(Ordering::Relaxed), 0, "a refused hold leaves nothing");
        drop(hold);
        other.hold(8).unwrap();
        assert_eq!(whole.0.held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn bytes_that_exist_count_even_beyond_the_limit() {
        let whole = HeldBytes::new(10);
        let part = whole.part(100);
        let hold = part.hold_anyway(11);
        assert!(part.hold(0).is_err() && whole.hold(0).is_err());
        drop(hold);
        part.hold(10).unwrap();
    }
}
