//! The currencies that a price can be in.

/// Most organizers look for one of these.
pub(super) const COMMON: [&str; 5] = ["EUR", "USD", "GBP", "CHF", "JPY"];

/// The codes of the currencies that ISO 4217 lists as money of a country.
pub(super) const ALL: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB \
    BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB \
    EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD \
    JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP \
    MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON \
    RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY \
    TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW";

/// The currencies in [`ALL`] that have no decimals by ISO 4217, and those that have three. Browsers
/// use other numbers for some of the others, as people do in shops.
const WITHOUT_DECIMALS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
const WITH_THREE_DECIMALS: &str = "BHD IQD JOD KWD LYD OMR TND";

/// The number of a currency's decimals, as the server has it.
pub(super) fn decimals(currency: &str) -> usize {
    let is_among = |list: &str| list.split_whitespace().any(|code| code == currency);
    if is_among(WITHOUT_DECIMALS) {
        0
    } else if is_among(WITH_THREE_DECIMALS) {
        3
    } else {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_have_the_decimals_of_iso_4217() {
        for (currency, expected) in [
            ("EUR", 2),
            ("HUF", 2),
            ("COP", 2),
            ("IDR", 2),
            ("PKR", 2),
            ("RSD", 2),
            ("AFN", 2),
            ("JPY", 0),
            ("IQD", 3),
            ("KWD", 3),
            ("???", 2),
            ("", 2),
        ] {
            assert_eq!(decimals(currency), expected, "{currency}");
        }
    }

    #[test]
    fn lists_have_only_currencies_that_can_be_chosen() {
        for code in [WITHOUT_DECIMALS, WITH_THREE_DECIMALS].iter().flat_map(|l| l.split(' ')) {
            assert!(ALL.contains(code), "{code}");
        }
    }
}
