//! The rules for the text that stands for a picture.

use crate::{
    field_problem::FieldProblem,
    visible_text::{is_control, is_visible},
};

/// Longest text, in characters.
const MAX_ALT_CHARS: usize = 300;

/// Returns the text without the spaces around it.
///
/// # Errors
/// When the text is missing, too long, or not a text of one line.
pub(crate) fn checked_alt(alt: &str) -> Result<String, FieldProblem> {
    let alt = alt.trim();
    let problem = |message: &str| Err(FieldProblem::new("alt", message));
    if !alt.chars().any(is_visible) {
        return problem(
            "alt must say what the picture shows, for people who don't see it. Send it as ?alt=….",
        );
    }
    if alt.chars().nth(MAX_ALT_CHARS).is_some() {
        return problem(&format!("alt must have at most {MAX_ALT_CHARS} characters."));
    }
    if alt.chars().any(is_control) {
        return problem("alt must be a text of one line, without control characters.");
    }
    Ok(alt.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_line_and_says_something() {
        assert_eq!(checked_alt(" Ein Saal 🎷, “voll” ").unwrap(), "Ein Saal 🎷, “voll”");
        assert!(checked_alt(&"é".repeat(MAX_ALT_CHARS)).is_ok());
        let long = "é".repeat(MAX_ALT_CHARS + 1);
        for wrong in ["", " \u{a0}", "\u{200b}", "a\nb", "a\u{0}b", "a\u{202e}b", &long] {
            assert!(checked_alt(wrong).is_err(), "{wrong:?}");
        }
    }
}
