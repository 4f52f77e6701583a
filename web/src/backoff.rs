//! How long to wait before connecting or asking again.

use std::time::Duration;

/// The pause before the next attempt, after this many failures. It doubles from a quarter of a
/// second to 30 seconds. `random` (0 to 1) picks a value between half of that and all of it, so the
/// clients of a server that restarts don't all return at once.
pub(crate) fn pause_before_retry(failures: u32, random: f64) -> Duration {
    const MAX_MILLIS: u64 = 30_000;
    let millis = 250_u64.saturating_mul(1 << failures.min(10)).min(MAX_MILLIS);
    Duration::from_millis(millis).mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

/// The pause before an operation is repeated whose answer is missing, after this many attempts. The
/// first repetition follows at once, unless the server `wanted` a pause. `None` when it has been tried
/// for long enough. No pause is longer than what is left of that time.
pub(crate) fn pause_before_repetition(
    attempts: u32,
    elapsed: Duration,
    wanted: Duration,
    random: f64,
) -> Option<Duration> {
    const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
    const MAX_PAUSE: Duration = Duration::from_secs(8);
    let left = GIVE_UP_AFTER.checked_sub(elapsed).filter(|left| !left.is_zero())?;
    let pause = match attempts {
        0 | 1 => Duration::ZERO,
        more => pause_before_retry(more - 1, random).min(MAX_PAUSE),
    };
    Some(pause.max(wanted).min(left))
}

/// The new count of failures after a connection that lasted for `uptime`. A connection that breaks
/// soon counts as a failure.
pub(crate) fn failures_after_attempt(failures: u32, uptime: Duration) -> u32 {
    const STABLE_AFTER: Duration = Duration::from_secs(10);
    if uptime >= STABLE_AFTER { 0 } else { failures.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_stable_connection_resets_the_backoff() {
        assert_eq!(failures_after_attempt(5, Duration::from_secs(60)), 0);
        assert_eq!(failures_after_attempt(5, Duration::from_secs(1)), 6);
        assert_eq!(failures_after_attempt(u32::MAX, Duration::ZERO), u32::MAX);
    }

    #[test]
    fn an_operation_is_repeated_at_once_then_with_pauses_and_not_for_ever() {
        let pause = |attempts, secs| {
            pause_before_repetition(attempts, Duration::from_secs(secs), Duration::ZERO, 1.0)
        };
        assert_eq!(pause(1, 0), Some(Duration::ZERO));
        assert_eq!(pause(2, 0), Some(Duration::from_millis(500)));
        assert_eq!(pause(3, 1), Some(Duration::from_secs(1)));
        assert_eq!(pause(20, 50), Some(Duration::from_secs(8)));
        assert_eq!(pause(1, 60), None);
    }

    #[test]
    fn the_pause_that_the_server_wants_ends_when_the_client_gives_up() {
        let pause = |elapsed, wanted| {
            let (elapsed, wanted) = (Duration::from_secs(elapsed), Duration::from_secs(wanted));
            pause_before_repetition(1, elapsed, wanted, 1.0)
        };
        assert_eq!(pause(10, 30), Some(Duration::from_secs(30)));
        assert_eq!(pause(10, 3_600), Some(Duration::from_secs(50)));
        assert_eq!(pause(60, 3_600), None);
    }

    #[test]
    fn pauses_double_up_to_30_seconds_with_jitter() {
        assert_eq!(pause_before_retry(0, 1.0), Duration::from_millis(250));
        assert_eq!(pause_before_retry(2, 1.0), Duration::from_secs(1));
        assert_eq!(pause_before_retry(2, 0.0), Duration::from_millis(500));
        assert_eq!(pause_before_retry(u32::MAX, 1.0), Duration::from_secs(30));
    }
}
