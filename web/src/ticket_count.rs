//! An event's remaining tickets: the last known count, its label, and its colour.

/// The last count that this page got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TicketCount {
    remaining: i32,
    total: i32,
    /// Whether it comes from a live update.
    is_live: bool,
}

/// The share of tickets that are left, in four steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Availability {
    /// More than half.
    Plenty,
    /// A tenth to a half.
    Some,
    /// Less than a tenth.
    Few,
    SoldOut,
}

impl TicketCount {
    /// A count that a query has read.
    pub(crate) fn from_query(remaining: i32, total: i32) -> Self {
        Self { remaining, total, is_live: false }
    }

    /// A count from the current subscription, which sends them in their order. Their versions are
    /// not compared: the server may send a lower one, after the database became older.
    pub(crate) fn from_update(remaining: i32, total: i32) -> Self {
        Self { remaining, total, is_live: true }
    }

    /// Whether the count comes from a live update.
    pub(crate) fn is_live(self) -> bool {
        self.is_live
    }

    pub(crate) fn remaining(self) -> i32 {
        self.remaining
    }

    pub(crate) fn total(self) -> i32 {
        self.total
    }

    /// The remaining share in percent, rounded up, so it is 0 only when no ticket is left.
    pub(crate) fn percent_left(self) -> u8 {
        let (remaining, total) = (i64::from(self.remaining.max(0)), i64::from(self.total.max(1)));
        u8::try_from((remaining * 100 + total - 1) / total).unwrap_or(100).min(100)
    }

    pub(crate) fn availability(self) -> Availability {
        let (remaining, total) = (i64::from(self.remaining), i64::from(self.total));
        if remaining <= 0 {
            Availability::SoldOut
        } else if remaining * 10 < total {
            Availability::Few
        } else if remaining * 2 <= total {
            Availability::Some
        } else {
            Availability::Plenty
        }
    }

    pub(crate) fn label(self, number: impl Fn(i32) -> String) -> String {
        match self.remaining {
            ..=0 => "Sold out".to_owned(),
            1 => "1 ticket left".to_owned(),
            left => format!("{} tickets left", number(left)),
        }
    }
}

impl Availability {
    /// Its name in the style sheet's classes.
    pub(crate) fn css_name(self) -> &'static str {
        match self {
            Self::Plenty => "plenty",
            Self::Some => "some",
            Self::Few => "few",
            Self::SoldOut => "sold-out",
        }
    }
}

/// A number of tickets in words.
pub(crate) fn tickets(count: i32) -> String {
    match count {
        1 => "1 ticket".to_owned(),
        count => format!("{count} tickets"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn availability_changes_at_a_half_a_tenth_and_zero() {
        for (remaining, level) in [
            (100, Availability::Plenty),
            (51, Availability::Plenty),
            (50, Availability::Some),
            (10, Availability::Some),
            (9, Availability::Few),
            (1, Availability::Few),
            (0, Availability::SoldOut),
        ] {
            assert_eq!(
                TicketCount::from_query(remaining, 100).availability(),
                level,
                "{remaining} of 100"
            );
        }
        assert_eq!(TicketCount::from_query(2, 2).availability(), Availability::Plenty);
        assert_eq!(TicketCount::from_query(0, 0).availability(), Availability::SoldOut);
    }

    #[test]
    fn the_label_names_the_count() {
        let number = |number| format!("<{number}>");
        assert_eq!(TicketCount::from_query(2, 2).label(number), "<2> tickets left");
        assert_eq!(TicketCount::from_query(1, 2).label(number), "1 ticket left");
        assert_eq!(TicketCount::from_query(0, 2).label(number), "Sold out");
    }

    #[test]
    fn the_percentage_is_0_only_when_no_ticket_is_left() {
        for (remaining, total, percent) in
            [(0, 100, 0), (1, 5_000, 1), (50, 100, 50), (2, 2, 100), (0, 0, 0), (3, 2, 100)]
        {
            assert_eq!(TicketCount::from_query(remaining, total).percent_left(), percent);
        }
    }
}
