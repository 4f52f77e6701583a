//! How many tickets an event has left: what is known of it, in words, and in a colour.

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

    /// Whether a live update told it.
    pub(crate) fn is_live(self) -> bool {
        self.version >= 0
    }

    pub(crate) fn remaining(self) -> i32 {
        self.remaining
    }

    pub(crate) fn total(self) -> i32 {
        self.total
    }

    /// How full the bar that stands for them is: 0 to 100, and 0 only when none is left.
    pub(crate) fn percent(self) -> u8 {
        let (remaining, total) = (i64::from(self.remaining.max(0)), i64::from(self.total.max(1)));
        u8::try_from((remaining * 100 + total - 1) / total).unwrap_or(100).min(100)
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
    fn the_bar_is_empty_only_when_nothing_is_left() {
        for (remaining, total, percent) in
            [(0, 100, 0), (1, 5_000, 1), (50, 100, 50), (2, 2, 100), (0, 0, 0), (3, 2, 100)]
        {
            assert_eq!(Tickets::read(remaining, total).percent(), percent);
        }
    }

    #[test]
    fn an_older_update_changes_nothing() {
        let mut tickets = Tickets::read(5, 10);
        tickets.apply(4, 10, 0);
        tickets.apply(2, 10, 3);
        tickets.apply(3, 10, 2);
        assert_eq!(tickets.in_words(), "2 tickets left");
    }
}
