//! Prices: exact, however many tickets.

/// An amount as the server sends it: digits, and decimals after a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Amount {
    minor_units: u128,
    decimals: usize,
}

impl Amount {
    /// `None` for what is no such number.
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

    /// What so many tickets cost.
    pub(crate) fn times(&self, tickets: u8) -> Self {
        let minor_units = self.minor_units.saturating_mul(tickets.into());
        Self { minor_units, decimals: self.decimals }
    }

    /// Digits and a point again.
    pub(crate) fn decimal(&self) -> String {
        let digits = format!("{:0>width$}", self.minor_units, width = self.decimals + 1);
        match digits.split_at(digits.len() - self.decimals) {
            (whole, "") => whole.to_owned(),
            (whole, fraction) => format!("{whole}.{fraction}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_tickets_cost_exactly_so_many_times_one() {
        let times = |amount: &str, tickets| Amount::parse(amount).unwrap().times(tickets).decimal();
        assert_eq!(times("49.90", 3), "149.70");
        assert_eq!(times("0.10", 3), "0.30");
        assert_eq!(times("0.05", 1), "0.05");
        assert_eq!(times("9000", 10), "90000");
        assert_eq!(times("12.345", 2), "24.690");
        assert_eq!(times("90071992547409.93", 10), "900719925474099.30");
    }

    #[test]
    fn only_nothing_is_free() {
        let is_free = |amount| Amount::parse(amount).unwrap().is_free();
        assert!(is_free("0.00") && is_free("0"));
        assert!(!is_free("0.01"));
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in ["", ".", ".50", "-1", "1e3", "1,00", "1.2.3"] {
            assert_eq!(Amount::parse(text), None, "{text:?}");
        }
    }
}
