//! The rule for an organizer's name.

use crate::{
    field_problem::FieldProblem,
    visible_text::{is_control, is_visible},
};

const MIN_NAME_CHARS: usize = 2;
const MAX_NAME_CHARS: usize = 100;

/// `name` is trimmed.
pub(super) fn name_problem(name: &str) -> Option<FieldProblem> {
    let length = name.chars().count();
    let message = if length < MIN_NAME_CHARS {
        format!("The name needs {MIN_NAME_CHARS} characters or more.")
    } else if length > MAX_NAME_CHARS {
        format!("The name has at most {MAX_NAME_CHARS} characters.")
    } else if name.contains(is_control) {
        "The name has a character that can't be shown.".to_owned()
    } else if !name.chars().any(is_visible) {
        "The name needs a character that can be seen.".to_owned()
    } else {
        return None;
    };
    Some(FieldProblem::new("name", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_2_to_100_characters_that_can_be_shown() {
        for good in ["Al", "O'Brien & Łęcki", "東京", "🎟🎟", "3000", &"ä".repeat(100)] {
            assert_eq!(name_problem(good), None, "{good}");
        }
        for bad in [
            "",
            "A",
            "a\nb",
            "a\0b",
            "Ann\u{202e}",
            "a\u{2028}b",
            "\u{200b}\u{200b}",
            "\u{2800}\u{2800}",
            &"ä".repeat(101),
        ] {
            assert!(name_problem(bad).is_some(), "{bad:?}");
        }
    }
}
