//! Prices: integer minor units in the database, exact decimals in the schema.

use std::fmt;

use async_graphql::{InputObject, SimpleObject};

use super::scalars::Decimal;
use crate::{
    events::{Price, amount},
    field_problem::FieldProblem,
};

/// An amount of money in one currency.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub(super) struct Money {
    /// Exact, with the currency's own number of decimals: "49.90" in EUR, "5000" in JPY.
    amount: Decimal,
    /// ISO 4217 code, such as EUR.
    currency: String,
}

impl Money {
    /// Converts `minor` units of `currency`, an ISO 4217 code. An unknown code counts as having two
    /// decimals, as most currencies have.
    pub(super) fn from_minor(minor: i64, currency: &str) -> Self {
        Self { amount: Decimal(amount(minor, currency)), currency: currency.to_owned() }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount.0, self.currency)
    }
}

/// An amount of money in one currency.
#[derive(Clone, Debug, InputObject)]
pub(super) struct MoneyInput {
    /// With no more decimals than the currency has: "49.90" in EUR, "5000" in JPY.
    amount: Decimal,
    /// ISO 4217 code in capital letters, such as EUR.
    currency: String,
}

impl MoneyInput {
    /// Reads a price.
    ///
    /// # Errors
    /// The problem names `field` if there is no such price, and its `currency` if that does not exist.
    pub(super) fn check(self, field: &str) -> Result<Price, FieldProblem> {
        Price::parse(self.amount.0, &self.currency)
            .map_err(|problem| problem.with_field(field, &format!("{field}.currency")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_its_currencys_decimals() {
        for (minor, currency, amount) in [
            (4990, "EUR", "49.90"),
            (0, "USD", "0.00"),
            (5000, "JPY", "5000"),
            (1234, "KWD", "1.234"),
            (i64::MAX, "EUR", "92233720368547758.07"),
        ] {
            assert_eq!(
                Money::from_minor(minor, currency).amount.0.to_string(),
                amount,
                "{currency}"
            );
        }
    }
}
