//! Prices as people type them.

/// Most digits before the decimal point. The server decides what is too much.
const MAX_WHOLE_DIGITS: usize = 12;

/// Why a text is no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PriceProblem {
    NoNumber,
    /// The currency has fewer decimals.
    TooPrecise,
}

/// The amount in the server's notation, with the currency's number of decimals. Both a point and a
/// comma can begin the decimals.
pub(super) fn parse_price(text: &str, decimals: usize) -> Result<String, PriceProblem> {
    let text = text.trim().replace(',', ".");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let has_digits = !whole.is_empty() && whole.len() <= MAX_WHOLE_DIGITS;
    if !has_digits || !is_number(whole) || !is_number(fraction) {
        return Err(PriceProblem::NoNumber);
    }
    if fraction.len() > decimals {
        return Err(PriceProblem::TooPrecise);
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    match decimals {
        0 => Ok(whole.to_owned()),
        _ => Ok(format!("{whole}.{fraction:0<decimals$}")),
    }
}

/// Whether two amounts in the server's notation are the same number.
pub(super) fn is_same_amount(one: &str, other: &str) -> bool {
    let significant = |amount: &'_ str| match amount.contains('.') {
        true => amount.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => amount.to_owned(),
    };
    significant(one) == significant(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_may_have_a_point_or_a_comma_and_fewer_decimals() {
        for (typed, decimals, price) in [
            ("12", 2, "12.00"),
            ("12.5", 2, "12.50"),
            ("12,50", 2, "12.50"),
            (" 0012.50 ", 2, "12.50"),
            ("12.", 2, "12.00"),
            ("0", 2, "0.00"),
            ("5000", 0, "5000"),
            ("1,250", 3, "1.250"),
        ] {
            assert_eq!(parse_price(typed, decimals).as_deref(), Ok(price), "{typed:?}");
        }
    }

    #[test]
    fn a_price_is_not_rounded() {
        for (typed, decimals) in [("12.505", 2), ("1,250", 2), ("12.5", 0), ("0.0001", 3)] {
            assert_eq!(parse_price(typed, decimals), Err(PriceProblem::TooPrecise), "{typed:?}");
        }
    }

    #[test]
    fn other_texts_are_no_prices() {
        for typed in ["", ".5", "-1", "1e3", "€5", "1 000", "1.000,00", "1234567890123"] {
            assert_eq!(parse_price(typed, 2), Err(PriceProblem::NoNumber), "{typed:?}");
        }
    }

    #[test]
    fn amounts_are_compared_as_numbers() {
        for (one, other) in [("12", "12.00"), ("12.5", "12.50"), ("0", "0.000"), ("100", "100")] {
            assert!(is_same_amount(one, other), "{one} {other}");
        }
        for (one, other) in [("12", "120"), ("12.05", "12.5"), ("1", "1.01")] {
            assert!(!is_same_amount(one, other), "{one} {other}");
        }
    }
}
