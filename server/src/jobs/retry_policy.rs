//! When a job that failed runs again, and when it is given up.

use std::time::Duration;

/// Number of attempts at a job, or at one part of it, before it is given up. With the pauses
/// between them, they take about eight hours.
const MAX_ATTEMPTS: u32 = 20;
const MAX_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Whether no attempt follows after this many.
pub(super) fn was_last(attempts: u32) -> bool {
    attempts >= MAX_ATTEMPTS
}

/// Whether the job has had all its attempts, and the last of them neither succeeded nor failed.
pub(super) fn is_one_too_many(attempts: u32) -> bool {
    attempts > MAX_ATTEMPTS
}

/// The pause after this many attempts that failed: a second after the first, and twice as long after
/// each further one.
fn longest_pause(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(u32::BITS - 1);
    Duration::from_secs(1 << doublings).min(MAX_PAUSE)
}

/// The pause with jitter. So jobs that failed together, as when their mail server was away, do not
/// come back together.
pub(super) fn pause(attempts: u32) -> Duration {
    jittered(longest_pause(attempts))
}

/// A pause that is shortened by up to half, at random.
pub(super) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 - rand::random::<f64>() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_are_jittered() {
        let seconds: Vec<u64> = (1..=14).map(|n| longest_pause(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
        assert_eq!(longest_pause(u32::MAX), MAX_PAUSE);
        for attempts in 1..MAX_ATTEMPTS {
            let longest = longest_pause(attempts);
            assert!((longest / 2..=longest).contains(&pause(attempts)));
        }
    }

    #[test]
    fn a_job_is_tried_for_hours_before_it_is_given_up() {
        let attempts = (1..).take_while(|attempts| !was_last(*attempts));
        let longest: Duration = attempts.map(longest_pause).sum();
        assert!(longest > Duration::from_secs(8 * 60 * 60), "{longest:?}");
        assert!(was_last(MAX_ATTEMPTS) && !is_one_too_many(MAX_ATTEMPTS));
    }
}
