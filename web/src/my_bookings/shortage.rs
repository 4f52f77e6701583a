//! How long the message stays that fewer tickets are left than somebody wanted.

use std::sync::atomic::{AtomicI32, Ordering};

/// The server said that too few tickets are left. This holds until more are left.
///
/// The page's count may lag behind that answer. So a count that the page had before the answer does not
/// contradict it, until the count has once been as low as the server said.
#[derive(Debug)]
pub(super) struct Shortage {
    left: i32,
    /// The largest count that does not contradict the server's answer.
    max_count: AtomicI32,
}

impl Shortage {
    /// `left` is the server's count, and `shown` the page's at the same time.
    pub(super) fn new(left: i32, shown: i32) -> Self {
        Self { left, max_count: AtomicI32::new(left.max(shown)) }
    }

    /// Whether it still holds, now that the page's count is `count`.
    pub(super) fn holds_at(&self, count: i32) -> bool {
        if count <= self.left {
            self.max_count.store(self.left, Ordering::Relaxed);
        }
        count <= self.max_count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_lags_behind_does_not_end_a_shortage() {
        let shortage = Shortage::new(0, 2);
        for count in [2, 1, 2, 0] {
            assert!(shortage.holds_at(count), "{count}");
        }
        assert!(!shortage.holds_at(1));
    }

    #[test]
    fn a_shortage_ends_when_more_tickets_are_left_than_before() {
        assert!(!Shortage::new(0, 2).holds_at(3));
        let shortage = Shortage::new(1, 0);
        assert!(shortage.holds_at(1));
        assert!(!shortage.holds_at(2));
    }
}
