//! The form of a title that is sorted by.

/// Trims a title and maps it to lower case, so that order and cursors are the same on both engines.
pub(crate) fn title_key(title: &str) -> String {
    // This maps each character by itself. In a whole word, a final Σ would become a different
    // letter than one inside.
    title.trim().chars().flat_map(char::to_lowercase).collect()
}
