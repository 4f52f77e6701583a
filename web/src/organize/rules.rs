//! Checks the fields of an organizer before they are sent. The rules are the server's, and the server
//! decides.

// The server's limits.
const MAX_NAME_CHARS: usize = 100;
const MAX_SLUG_CHARS: usize = 60;

pub(super) fn organizer_name_problem(name: &str) -> Option<&'static str> {
    match name.trim().chars().count() {
        0 => Some("Please enter a name."),
        1 => Some("The name needs 2 characters or more."),
        length if length > MAX_NAME_CHARS => Some("The name has at most 100 characters."),
        _ => None,
    }
}

pub(super) fn slug_problem(slug: &str) -> Option<&'static str> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if slug.is_empty() {
        Some("Please enter a short name.")
    } else if !slug.bytes().all(is_plain) || slug.split('-').any(str::is_empty) {
        Some("Please use small letters, digits, and single hyphens between them.")
    } else if slug.len() > MAX_SLUG_CHARS {
        Some("The short name has at most 60 characters.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_has_small_letters_digits_and_hyphens() {
        for good in ["jazz", "blue-hall-2", "2"] {
            assert_eq!(slug_problem(good), None, "{good}");
        }
        let long = "a".repeat(61);
        for bad in ["", "Jazz", "blue hall", "-a", "a-", "a--b", "é-e", "a/b", &long] {
            assert!(slug_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_name_has_2_to_100_characters() {
        assert_eq!(organizer_name_problem(" Al "), None);
        for bad in ["", " ", " A ", &"a".repeat(101)] {
            assert!(organizer_name_problem(bad).is_some(), "{bad}");
        }
    }
}
