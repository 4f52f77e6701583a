//! When to try again what the network broke.

use std::time::Duration;

/// How long to wait before the next try after so many failed ones: doubling from a quarter of a
/// second to 30 seconds, each between half and all of that, as `random` (0 to 1) falls, so that the
/// pages of one broken server don't come back in step.
pub(crate) fn pause_before_retry(failures: u32, random: f64) -> Duration {
    const MAX_MILLIS: u64 = 30_000;
    let millis = 250_u64.saturating_mul(1 << failures.min(10)).min(MAX_MILLIS);
    Duration::from_millis(millis).mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

/// How many tries have failed by now, after one that uptime for so long: a connection that breaks at once,
/// again and again, is no better than none.
pub(crate) fn failures_after_attempt(failures: u32, uptime: Duration) -> u32 {
    const STABLE_AFTER: Duration = Duration::from_secs(10);
    if uptime >= STABLE_AFTER { 0 } else { failures.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connection_that_held_begins_the_schedule_anew() {
        assert_eq!(failures_after_attempt(5, Duration::from_secs(60)), 0);
        assert_eq!(failures_after_attempt(5, Duration::from_secs(1)), 6);
        assert_eq!(failures_after_attempt(u32::MAX, Duration::ZERO), u32::MAX);
    }

    #[test]
    fn pauses_double_up_to_half_a_minute_with_jitter() {
        assert_eq!(pause_before_retry(0, 1.0), Duration::from_millis(250));
        assert_eq!(pause_before_retry(2, 1.0), Duration::from_secs(1));
        assert_eq!(pause_before_retry(2, 0.0), Duration::from_millis(500));
        assert_eq!(pause_before_retry(u32::MAX, 1.0), Duration::from_secs(30));
    }
}
