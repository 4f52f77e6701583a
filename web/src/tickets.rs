//! How full an event is, in words and in a colour; and when to try a lost socket again. Plain Rust,
//! tested off the browser.

use std::time::Duration;

/// An event's tickets as far as this page knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tickets {
    remaining: i32,
    total: i32,
    /// Of the last live update; below all of them for what a query read.
    version: i32,
}

/// How many tickets are left, roughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// More than half.
    Plenty,
    /// A tenth to a half.
    Some,
    /// Less than a tenth.
    Few,
    SoldOut,
}

impl Tickets {
    /// As a query read them.
    pub(crate) fn read(remaining: i32, total: i32) -> Self {
        Self { remaining, total, version: -1 }
    }

    /// Takes a live update, unless it is older than what is known.
    pub(crate) fn apply(&mut self, remaining: i32, total: i32, version: i32) {
        if version >= self.version {
            *self = Self { remaining, total, version };
        }
    }

    pub(crate) fn level(self) -> Level {
        let (remaining, total) = (i64::from(self.remaining), i64::from(self.total));
        if remaining <= 0 {
            Level::SoldOut
        } else if remaining * 10 < total {
            Level::Few
        } else if remaining * 2 <= total {
            Level::Some
        } else {
            Level::Plenty
        }
    }

    pub(crate) fn in_words(self) -> String {
        match self.remaining {
            ..=0 => "Sold Out".to_owned(),
            1 => "1 ticket left".to_owned(),
            left => format!("{left} tickets left"),
        }
    }
}

impl Level {
    /// As style sheets name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plenty => "plenty",
            Self::Some => "some",
            Self::Few => "few",
            Self::SoldOut => "sold-out",
        }
    }
}

/// How long to wait before the next try after so many failed ones: doubling from a quarter of a
/// second to 30 seconds, each between half and all of that, as `random` (0 to 1) falls, so that the
/// pages of one broken server don't come back in step.
pub(crate) fn reconnect_pause(failures: u32, random: f64) -> Duration {
    const LONGEST_MILLIS: u64 = 30_000;
    let millis = 250_u64.saturating_mul(1 << failures.min(10)).min(LONGEST_MILLIS);
    Duration::from_millis(millis).mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_changes_at_half_a_tenth_and_none() {
        for (remaining, level) in [
            (100, Level::Plenty),
            (51, Level::Plenty),
            (50, Level::Some),
            (10, Level::Some),
            (9, Level::Few),
            (1, Level::Few),
            (0, Level::SoldOut),
        ] {
            assert_eq!(Tickets::read(remaining, 100).level(), level, "{remaining} of 100");
        }
        assert_eq!(Tickets::read(2, 2).level(), Level::Plenty);
        assert_eq!(Tickets::read(0, 0).level(), Level::SoldOut);
    }

    #[test]
    fn the_count_is_always_said_in_words() {
        assert_eq!(Tickets::read(2, 2).in_words(), "2 tickets left");
        assert_eq!(Tickets::read(1, 2).in_words(), "1 ticket left");
        assert_eq!(Tickets::read(0, 2).in_words(), "Sold Out");
    }

    #[test]
    fn an_older_update_changes_nothing() {
        let mut tickets = Tickets::read(5, 10);
        tickets.apply(4, 10, 0);
        tickets.apply(2, 10, 3);
        tickets.apply(3, 10, 2);
        assert_eq!(tickets.in_words(), "2 tickets left");
    }

    #[test]
    fn pauses_double_up_to_half_a_minute_with_jitter() {
        assert_eq!(reconnect_pause(0, 1.0), Duration::from_millis(250));
        assert_eq!(reconnect_pause(2, 1.0), Duration::from_secs(1));
        assert_eq!(reconnect_pause(2, 0.0), Duration::from_millis(500));
        assert_eq!(reconnect_pause(u32::MAX, 1.0), Duration::from_secs(30));
    }
}
