//! The form of a password that is hashed, whatever keyboard it was typed on.
//!
//! This is the profile OpaqueString of RFC 8265: letters are composed (NFC), every space is the
//! ASCII one, and case and width stay. Earlier versions hashed what was typed.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// The form of `password` that is hashed and compared.
pub(super) fn prepared(password: &str) -> String {
    let with_ascii_spaces: String =
        password.chars().map(|c| if is_space(c) { ' ' } else { c }).collect();
    ComposingNormalizerBorrowed::new_nfc().normalize(&with_ascii_spaces).into_owned()
}

/// The forms that a hash may have been made from, each once: the prepared one, and those of earlier
/// versions. Their number depends on what was typed and on nothing else.
pub(super) fn hashed_forms(password: &str) -> Vec<String> {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(password);
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(password);
    let mut forms = vec![prepared(password)];
    // Both letters and spaces may have been typed on another keyboard then.
    for old in [password, &composed, &decomposed] {
        if !forms.iter().any(|form| form == old) {
            forms.push(old.to_owned());
        }
    }
    forms
}

/// Whether Unicode has this character in the category of spaces (Zs).
fn is_space(c: char) -> bool {
    matches!(
        c,
        ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_composed_spaces_are_ascii_and_everything_else_stays() {
        for (typed, form) in [
            ("pa\u{308}ss", "p\u{e4}ss"),
            ("a\u{3000}b\u{a0}c\u{2009}d", "a b c d"),
            ("Pass \u{ff50}\u{fb01}\u{df}\u{3c2}", "Pass \u{ff50}\u{fb01}\u{df}\u{3c2}"),
            ("\t\u{200b}", "\t\u{200b}"),
        ] {
            assert_eq!(prepared(typed), form, "{typed:?}");
        }
    }

    #[test]
    fn a_plain_password_is_hashed_once_and_no_other_more_than_four_times() {
        assert_eq!(hashed_forms("passw0rd"), ["passw0rd"]);
        assert_eq!(hashed_forms("p\u{e4}ss"), ["p\u{e4}ss", "pa\u{308}ss"]);
        let own_space = ["p\u{e4}ss\u{a0}w\u{f6}rd", "pa\u{308}ss\u{a0}wo\u{308}rd"];
        for typed in own_space {
            let mut forms = hashed_forms(typed);
            forms[1..].sort_by_key(String::len);
            assert_eq!(forms, ["p\u{e4}ss w\u{f6}rd", own_space[0], own_space[1]], "{typed:?}");
        }
        let mixed = "p\u{e4}ss\u{3000}wo\u{308}rd";
        let forms = hashed_forms(mixed);
        assert_eq!(
            forms,
            [
                "p\u{e4}ss w\u{f6}rd",
                mixed,
                "p\u{e4}ss\u{3000}w\u{f6}rd",
                "pa\u{308}ss\u{3000}wo\u{308}rd"
            ]
        );
    }
}
