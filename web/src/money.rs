//! Exact arithmetic with prices.

/// An amount of money, parsed from the server's decimal notation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Amount {
    minor_units: u128,
    decimals: usize,
}

impl Amount {
    /// `None` if the text is not a decimal number.
    pub(crate) fn parse(decimal: &str) -> Option<Self> {
        let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
        let digits = format!("{whole}{fraction}");
        let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits {
            return None;
        }
        Some(Self { minor_units: digits.parse().ok()?, decimals: fraction.len() })
    }

    pub(crate) fn is_free(&self) -> bool {
        self.minor_units == 0
    }

    /// The price of this many tickets.
    pub(crate) fn times(&self, tickets: u8) -> Self {
        let minor_units = self.minor_units.saturating_mul(tickets.into());
        Self { minor_units, decimals: self.decimals }
    }

    /// The decimal notation that [`Self::parse`] reads.
    pub(crate) fn to_decimal(&self) -> String {
        let digits = format!("{:0>width$}", self.minor_units, width = self.decimals + 1);
        match digits.split_at(digits.len() - self.decimals) {
            (whole, "") => whole.to_owned(),
            (whole, fraction) => format!("{whole}.{fraction}"),
        }
    }
}

/// What tickets cost, for example "3 × €49.90 = €149.70". `one` and `all` are written prices.
pub(crate) fn cost(tickets: i32, one: &str, all: &str) -> String {
    match tickets {
        1 => format!("1 ticket, {all}"),
        // The price is the same only if they are free.
        tickets if one == all => format!("{tickets} tickets, {all}"),
        tickets => format!("{tickets} × {one} = {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tickets_cost_is_written_with_their_number() {
        assert_eq!(cost(1, "€49.90", "€49.90"), "1 ticket, €49.90");
        assert_eq!(cost(3, "€49.90", "€149.70"), "3 × €49.90 = €149.70");
        assert_eq!(cost(1, "Free", "Free"), "1 ticket, Free");
        assert_eq!(cost(3, "Free", "Free"), "3 tickets, Free");
    }

    #[test]
    fn the_price_of_several_tickets_is_exact() {
        let times =
            |amount: &str, tickets| Amount::parse(amount).unwrap().times(tickets).to_decimal();
        assert_eq!(times("49.90", 3), "149.70");
        assert_eq!(times("0.10", 3), "0.30");
        assert_eq!(times("0.05", 1), "0.05");
        assert_eq!(times("9000", 10), "90000");
        assert_eq!(times("12.345", 2), "24.690");
        assert_eq!(times("90071992547409.93", 10), "900719925474099.30");
    }

    #[test]
    fn only_an_amount_of_zero_is_free() {
        let is_free = |amount| Amount::parse(amount).unwrap().is_free();
        assert!(is_free("0.00") && is_free("0"));
        assert!(!is_free("0.01"));
    }

    #[test]
    fn other_texts_are_not_amounts() {
        for text in ["", ".", ".50", "-1", "1e3", "1,00", "1.2.3"] {
            assert_eq!(Amount::parse(text), None, "{text:?}");
        }
    }
}
