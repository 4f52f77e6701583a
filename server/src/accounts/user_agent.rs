//! What a browser calls itself, as people see it in the list of their sessions.

use crate::visible_text::is_control;

/// Longest text that is kept, in characters.
const MAX_CHARS: usize = 200;

/// The header `User-Agent` of a sign-in, cut and without what can't be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserAgent(Option<String>);

impl UserAgent {
    /// Reads a header's value. Bytes that are no text are shown as such.
    #[must_use]
    pub fn of_header(value: &[u8]) -> Self {
        // A character has up to four bytes.
        let start = &value[..value.len().min(4 * MAX_CHARS)];
        let text = String::from_utf8_lossy(start);
        let shown: String = text.chars().filter(|c| !is_control(*c)).take(MAX_CHARS).collect();
        let shown = shown.trim();
        Self((!shown.is_empty()).then(|| shown.to_owned()))
    }

    pub(super) fn into_text(self) -> Option<String> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_cut_and_shows_nothing_that_changes_the_text_around_it() {
        for (header, text) in [
            (&b"Mozilla/5.0 (X11; Linux)"[..], Some("Mozilla/5.0 (X11; Linux)")),
            (b" a\tb\n\x00c ", Some("abc")),
            ("a\u{202e}b".as_bytes(), Some("ab")),
            (b"caf\xe9", Some("caf\u{fffd}")),
            (b"", None),
            (b" \x07 ", None),
        ] {
            assert_eq!(UserAgent::of_header(header).into_text().as_deref(), text, "{header:?}");
        }
        let long = "ä".repeat(5_000);
        let kept = UserAgent::of_header(long.as_bytes()).into_text().unwrap();
        assert_eq!(kept.chars().count(), MAX_CHARS);
    }
}
