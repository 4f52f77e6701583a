//! Limits how much of the processor one client's operations may use.
//!
//! What counts is the time that a core spends on texts that the server does not know yet, and on
//! large answers. Small operations are free, however many there are: other limits count those.

use std::{num::NonZeroU32, time::Duration};

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use tokio::{
    sync::{Mutex as Turns, MutexGuard},
    time::Instant,
};

use super::TooManyRequests;

/// The part of each operation that is free.
const FREE: Duration = Duration::from_micros(250);
/// The time that it takes to make an answer, for each KiB of memory that it takes. It was measured
/// with lists of events.
const PER_ANSWERED_KIB: Duration = Duration::from_micros(5);
/// Seconds whose budget may be used at once.
const BURST_SECONDS: u32 = 2;

/// A client's budget of a core's time. It fills all the time, up to two seconds' worth.
#[derive(Debug)]
pub(crate) struct Work {
    per_second: Duration,
    spent: Mutex<Spent>,
    /// Operations that may be costly begin one after another, so that many at once can't overdraw
    /// the budget, and so that other clients' operations run in between.
    turns: Turns<()>,
}

#[derive(Debug)]
struct Spent {
    /// The time that was used and has not filled up again.
    time: Duration,
    since: Instant,
}

impl Work {
    /// `per_second` is in milliseconds.
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        Self {
            per_second: Duration::from_millis(per_second.get().into()),
            spent: Mutex::new(Spent { time: Duration::ZERO, since: Instant::now() }),
            turns: Turns::new(()),
        }
    }

    /// Refuses a client that has used up its budget.
    pub(crate) fn check(&self) -> Result<(), TooManyRequests> {
        let burst = self.per_second * BURST_SECONDS;
        match self.spent().time.checked_sub(burst) {
            None => Ok(()),
            Some(debt) => {
                let seconds = debt.as_secs_f64() / self.per_second.as_secs_f64();
                // The wait is bounded, so it fits.
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                Err(TooManyRequests { retry_after_seconds: seconds as u64 + 1 })
            }
        }
    }

    /// Waits until it is this operation's turn to do work that may be costly.
    ///
    /// # Errors
    /// When the budget is used up.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, TooManyRequests> {
        let turn = self.turns.lock().await;
        self.check()?;
        Ok(Turn { work: self, _turn: turn, used: Duration::ZERO })
    }

    /// The permission to do costly work, if nobody else of this client has it or waits for it.
    ///
    /// # Errors
    /// When the budget is used up.
    pub(crate) fn turn_at_once(&self) -> Result<Option<Turn<'_>>, TooManyRequests> {
        let Ok(turn) = self.turns.try_lock() else { return Ok(None) };
        self.check()?;
        Ok(Some(Turn { work: self, _turn: turn, used: Duration::ZERO }))
    }

    /// Counts time that a core has spent. Returns whether it was more than is free.
    fn spend(&self, time: Duration) -> bool {
        let Some(counted) = time.checked_sub(FREE).filter(|counted| !counted.is_zero()) else {
            return false;
        };
        self.spent().time += counted;
        true
    }

    /// Counts an answer that takes so many bytes of memory. Returns whether it is large.
    pub(crate) fn spend_on_answer(&self, bytes: usize) -> bool {
        self.spend(PER_ANSWERED_KIB * u32::try_from(bytes / 1_024).unwrap_or(u32::MAX))
    }

    /// Whether the whole budget is there.
    pub(super) fn is_full(&self) -> bool {
        self.spent().time.is_zero()
    }

    /// What is spent by now.
    fn spent(&self) -> impl std::ops::DerefMut<Target = Spent> {
        let mut spent = self.spent.lock();
        let now = Instant::now();
        let filled = self.per_second.mul_f64((now - spent.since).as_secs_f64());
        spent.time = spent.time.saturating_sub(filled);
        spent.since = now;
        spent
    }
}

/// The permission to do costly work. Its time is counted when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    work: &'a Work,
    _turn: MutexGuard<'a, ()>,
    used: Duration,
}

impl Turn<'_> {
    /// Runs `work`, and counts the time that this thread spends on it.
    pub(crate) fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begun = thread_time();
        let result = work();
        self.used += thread_time().saturating_sub(begun);
        result
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.work.spend(self.used);
    }
}

/// The time that the processor has spent on this thread. Time in which it ran others does not
/// count.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn work(per_second: u32) -> Work {
        Work::new(NonZeroU32::new(per_second).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_used_up_budget_fills_again() {
        let work = work(100);
        work.spend(Duration::from_millis(150));
        work.check().unwrap();
        work.spend(Duration::from_millis(250));
        let TooManyRequests { retry_after_seconds } = work.turn().await.unwrap_err();
        assert_eq!(retry_after_seconds, 2);
        advance(Duration::from_secs(2)).await;
        drop(work.turn().await.unwrap());
        assert!(!work.is_full());
        advance(Duration::from_secs(3)).await;
        assert!(work.is_full());
    }

    #[tokio::test(start_paused = true)]
    async fn small_operations_are_free() {
        let work = work(1);
        for _ in 0..100_000 {
            work.spend(FREE);
        }
        assert!(work.is_full());
    }

    #[tokio::test]
    async fn what_a_turn_does_is_counted() {
        let work = work(1);
        let mut turn = work.turn().await.unwrap();
        let begun = thread_time();
        turn.run(|| while thread_time() - begun < Duration::from_millis(5) {});
        drop(turn);
        work.turn().await.unwrap_err();
    }
}
