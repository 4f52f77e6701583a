//! Tells what somebody types at the door: the code of a ticket, a reference, or a name.

/// No name is so long without a space, and every ticket's code is longer.
const MIN_CODE_CHARS: usize = 60;
/// A reference has so many letters and digits.
const REFERENCE_CHARS: usize = 10;

/// Whether a text is a ticket's code or a booking's reference, which may have the number of a ticket
/// behind it, such as "3QM72-XW43F/2".
pub(super) fn is_code(text: &str) -> bool {
    let text = text.trim();
    let is_alphanumeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if text.len() >= MIN_CODE_CHARS {
        return is_alphanumeric(text);
    }
    let (reference, number) = text.split_once('/').unwrap_or((text, "1"));
    let letters: Vec<char> = reference.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    // A reference begins with a digit up to 7, and has no U.
    is_number
        && letters.len() == REFERENCE_CHARS
        && letters.iter().all(|c| c.is_ascii_alphanumeric() && !matches!(c, 'u' | 'U'))
        && matches!(letters[0], '0'..='7')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_codes_are_told_from_names() {
        let code = "AFKC7Q".repeat(24);
        for text in ["3QM72-XW43F", " 3qm72xw43f ", "3QM72 XW43F/10", &code, &code.to_lowercase()] {
            assert!(is_code(text), "{text}");
        }
        for text in [
            "",
            "Ada",
            "Ada Lovelace",
            "Jean-Pierre",
            "Oliver Bach",
            "3QM72",
            "3QM72-XW43F/",
            "3QM72-XW43F/a",
            "9QM72-XW43F",
            "ada@example.org",
            "Ada Lovelace and all of her friends who came along with her today",
        ] {
            assert!(!is_code(text), "{text}");
        }
    }
}
