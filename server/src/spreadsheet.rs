//! Texts in CSV files that spreadsheets open. What begins like a formula would be computed there.

/// Blanks that spreadsheets skip before a formula.
const BLANKS: [char; 4] = [' ', '\u{a0}', '\u{3000}', '\u{feff}'];
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A text that no spreadsheet takes for a formula. One that begins like a formula gets an apostrophe
/// in front, which spreadsheets take for the start of a text.
pub(crate) fn escaped(text: &str) -> String {
    match is_formula(text) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// The text without the apostrophe that [`escaped`] put in front.
pub(crate) fn unescaped(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(text)
}

fn is_formula(text: &str) -> bool {
    text.trim_start_matches(BLANKS).starts_with(FORMULA_STARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"] {
            assert_eq!(escaped(text), format!("'{text}"));
            assert_eq!(unescaped(&escaped(text)), text);
        }
        for text in ["Ada", "O'Brien", "", "a=1", "ada+tag@example.org", "'tis"] {
            assert_eq!(escaped(text), text);
            assert_eq!(unescaped(text), text);
        }
    }
}
