//! Prices of different currencies as comparable numbers.

use iso_currency::Currency;
use rowlock_entities::event;
use rust_decimal::Decimal;

/// The number of decimals of [`price_key`]. No currency has more.
const KEY_DECIMALS: u16 = 4;

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
    let missing_decimals = KEY_DECIMALS.saturating_sub(decimals(&event.currency));
    event.price_minor.saturating_mul(10_i64.pow(missing_decimals.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
