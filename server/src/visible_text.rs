//! Which characters people can see in a text.

use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

/// Whether a character changes the direction in which the text around it is shown.
pub(crate) fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character can't stand in a text of one line: it has no shape of its own, and changes
/// how others are shown, or ends the line.
pub(crate) fn is_control(c: char) -> bool {
    const LINE_SEPARATOR: char = '\u{2028}';
    const PARAGRAPH_SEPARATOR: char = '\u{2029}';
    c.is_control() || is_bidi_control(c) || matches!(c, LINE_SEPARATOR | PARAGRAPH_SEPARATOR)
}

/// Whether a character leaves a mark. Those that are only in between or around others don't.
pub(crate) fn is_visible(c: char) -> bool {
    const BLANK_BRAILLE: char = '\u{2800}';
    !c.is_whitespace()
        && c != BLANK_BRAILLE
        && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}
