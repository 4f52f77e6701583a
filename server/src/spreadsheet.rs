//! Texts in CSV files that spreadsheets open. What begins like a formula would be computed there.

use crate::visible_text::is_visible;

const FORMULA_STARTS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
/// Where cells end in a file that is not taken for one with commas. In many languages, spreadsheets
/// split lines at semicolons, whatever quotes are around.
const SEPARATORS: [char; 2] = [';', '\t'];

/// A text that no spreadsheet takes for a formula, and no part of it. Each that begins like a
/// formula gets an apostrophe in front, which spreadsheets take for the start of a text.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for cell in text.split_inclusive(SEPARATORS) {
        if is_formula(cell) {
            escaped.push('\'');
        }
        escaped.push_str(cell);
    }
    escaped
}

/// The text without the apostrophes that [`escaped`] put in.
pub(crate) fn unescaped(text: &str) -> String {
    let cells = text.split_inclusive(SEPARATORS);
    cells
        .map(|cell| cell.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(cell))
        .collect()
}

/// Apostrophes count as nothing, so that one that was there gets another one, and comes back. So do
/// quotation marks, because one after a separator begins a cell with quotes.
fn is_formula(cell: &str) -> bool {
    let start = cell.trim_start_matches(|c| matches!(c, '\'' | '"') || !is_visible(c));
    start.starts_with(FORMULA_STARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_formula() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            " =1",
            "＝1",
            "\u{200b}=1",
            "'=1",
            "\"=1",
            "'\"'=1",
        ] {
            assert_ne!(escaped(text), text, "{text:?}");
            assert_eq!(unescaped(&escaped(text)), text, "{text:?}");
        }
        for text in ["Ada", "O'Brien", "", "a=1", "ada+tag@example.org", "'tis", "one; two"] {
            assert_eq!(escaped(text), text);
            assert_eq!(unescaped(text), text);
        }
    }

    #[test]
    fn no_part_between_separators_is_a_formula() {
        assert_eq!(escaped("Bob;=1;x; @y"), "Bob;'=1;x;' @y");
        assert_eq!(unescaped("Bob;'=1;x;' @y"), "Bob;=1;x; @y");
        assert_eq!(escaped("a;\"=1+1;b"), "a;'\"=1+1;b");
        assert_eq!(unescaped("a;'\"=1+1;b"), "a;\"=1+1;b");
    }
}
