//! Prices: in minor units, as exact amounts, and as numbers that are comparable across currencies.

use iso_currency::Currency;
use rowlock_entities::event;
use rust_decimal::Decimal;

use crate::field_problem::FieldProblem;

/// The number of decimals of [`price_key`]. No currency has more.
const KEY_DECIMALS: u16 = 4;

/// The largest price whose key fits into 64 bits in every currency.
const MAX_PRICE_MINOR: i64 = 100_000_000_000_000;

/// A price of one ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Price {
    /// In the currency's minor unit, such as cents.
    pub(crate) minor: i64,
    /// The currency's ISO 4217 code.
    pub(crate) currency: String,
}

/// Reads a decimal number such as 49.90. One with too many digits to be kept exactly is none.
pub(crate) fn parse_decimal(text: &str) -> Option<Decimal> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = digits.chars().all(is_part).then(|| Decimal::from_str_exact(text).ok());
    number.flatten()
}

/// Why there is no such price, in one sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PriceProblem {
    Currency(String),
    /// The amount is wrong, or not one of its currency.
    Amount(String),
}

impl PriceProblem {
    /// The problem with the field that has the amount, or with the one that has the currency.
    pub(crate) fn with_field(self, amount: &str, currency: &str) -> FieldProblem {
        match self {
            Self::Currency(message) => FieldProblem::new(currency, message),
            Self::Amount(message) => FieldProblem::new(amount, message),
        }
    }
}

impl Price {
    /// Whether the event has this price.
    pub(crate) fn is_price_of(&self, event: &event::Model) -> bool {
        self.minor == event.price_minor && self.currency == event.currency
    }

    /// Converts an amount of money, such as 49.9 EUR.
    ///
    /// # Errors
    /// When there is no such amount or no such currency.
    pub(crate) fn parse(amount: Decimal, currency: &str) -> Result<Self, PriceProblem> {
        if Currency::from_code(currency).is_none() {
            return Err(PriceProblem::Currency(format!(
                "{currency:?} is no currency. Use an ISO 4217 code in capital letters, such as EUR."
            )));
        }
        let decimals = u32::from(decimals(currency));
        let mut exact = amount.normalize();
        if exact.is_sign_negative() && !exact.is_zero() {
            return Err(PriceProblem::Amount("The price can't be negative.".to_owned()));
        }
        if exact.scale() > decimals {
            return Err(PriceProblem::Amount(match decimals {
                0 => format!("A price in {currency} has no decimals."),
                1 => format!("A price in {currency} has at most 1 decimal."),
                _ => format!("A price in {currency} has at most {decimals} decimals."),
            }));
        }
        exact.rescale(decimals);
        let minor = i64::try_from(exact.mantissa().unsigned_abs()).ok();
        match minor.filter(|minor| exact.scale() == decimals && *minor <= MAX_PRICE_MINOR) {
            Some(minor) => Ok(Self { minor, currency: currency.to_owned() }),
            None => Err(PriceProblem::Amount("The price is too high.".to_owned())),
        }
    }
}

/// The largest price that the events of a list have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum PriceLimit {
    /// They are free, whatever their currency.
    Free,
    /// They have this currency, and a `price_key` of at most this.
    InCurrency { currency: String, max_key: i64 },
}

impl From<Price> for PriceLimit {
    fn from(Price { minor, currency }: Price) -> Self {
        if minor == 0 {
            return Self::Free;
        }
        let max_key = comparable(minor, &currency);
        Self::InCurrency { currency, max_key }
    }
}

/// The number of decimals of a currency, by its ISO 4217 code. An unknown code counts as having
/// two, as most currencies have.
pub(crate) fn decimals(currency: &str) -> u16 {
    Currency::from_code(currency).and_then(Currency::exponent).unwrap_or(2)
}

/// An amount of money as an exact number with the currency's own number of decimals. `minor` is in
/// the currency's minor unit.
pub(crate) fn amount(minor: i64, currency: &str) -> Decimal {
    Decimal::new(minor, decimals(currency).into())
}

/// The event's price in ten-thousandths, as the database has it in `price_key`.
pub(super) fn price_key(event: &event::Model) -> i64 {
    comparable(event.price_minor, &event.currency)
}

/// A price in ten-thousandths.
fn comparable(minor: i64, currency: &str) -> i64 {
    let missing_decimals = KEY_DECIMALS.saturating_sub(decimals(currency));
    minor.saturating_mul(10_i64.pow(missing_decimals.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_becomes_minor_units_of_its_currency() {
        let parse = |amount: &str, currency| Price::parse(amount.parse().unwrap(), currency);
        for (amount, currency, minor) in [
            ("49.9", "EUR", 4_990),
            ("49.900", "EUR", 4_990),
            ("-0", "EUR", 0),
            ("5000", "JPY", 5_000),
        ] {
            assert_eq!(parse(amount, currency).unwrap().minor, minor, "{amount}");
        }
        for (amount, currency) in [
            ("0.001", "EUR"),
            ("1.5", "JPY"),
            ("-1", "EUR"),
            ("1", "eur"),
            ("1", "ZZZ"),
            ("79228162514264337593543950335", "EUR"),
            ("1000000000000.01", "EUR"),
        ] {
            let names_currency = matches!(parse(amount, currency), Err(PriceProblem::Currency(_)));
            assert_eq!(names_currency, matches!(currency, "eur" | "ZZZ"), "{amount} {currency}");
            assert!(parse(amount, currency).is_err(), "{amount} {currency}");
        }
    }

    #[test]
    fn a_decimal_is_read_exactly_or_not_at_all() {
        for (text, read) in [("49.90", "49.90"), ("-1", "-1"), ("+7.5", "7.5"), ("0.000", "0.000")]
        {
            assert_eq!(parse_decimal(text).unwrap().to_string(), read);
        }
        let zeros = "0".repeat(30);
        for text in [
            "",
            ".",
            "-",
            "1e2",
            "1_000",
            "1,5",
            "0x1",
            " 1",
            "1 ",
            "--1",
            "1.2.3",
            "٣",
            "NaN",
            &format!("0.{zeros}1"),
            &format!("49.9{zeros}1"),
            &format!("1{zeros}"),
        ] {
            assert_eq!(parse_decimal(text), None, "{text}");
        }
    }

    #[test]
    fn no_currency_has_more_decimals_than_the_key() {
        assert_eq!((decimals("JPY"), decimals("EUR"), decimals("KWD")), (0, 2, 3));
        assert_eq!((decimals("XAU"), decimals("???")), (2, 2));
        for code in (0..26_u32.pow(3)).map(|n| [n / 676, n / 26 % 26, n % 26]) {
            let code: String =
                code.iter().filter_map(|letter| char::from_u32(65 + letter)).collect();
            assert!(decimals(&code) <= KEY_DECIMALS, "{code}");
        }
    }
}
