//! The kind of English in which dates, numbers and money are written.

/// The first kind of English among the visitor's preferred languages, else British English, or
/// American for a language of the United States.
///
/// The page's words are English, and a date in another language would not fit them. Kinds such as
/// "en-DE" are not used: browsers know only some of them, and mix the marks of two languages in
/// numbers.
pub(crate) fn english_variant(preferred: impl IntoIterator<Item = String>) -> String {
    let mut first = None;
    for language in preferred {
        let name = language.split('-').next().unwrap_or_default();
        if name.eq_ignore_ascii_case("en") {
            return language;
        }
        first.get_or_insert(language);
    }
    match first {
        Some(first) if first.ends_with("-US") => "en-US".to_owned(),
        _ => "en-GB".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_visitors_first_english_is_used_and_british_english_without_one() {
        for (preferred, variant) in [
            (&["en-US", "en"][..], "en-US"),
            (&["de-DE", "de", "en-IE", "en-US"], "en-IE"),
            (&["fr", "en"], "en"),
            (&["de-AT", "de"], "en-GB"),
            (&["es-US"], "en-US"),
            (&["enm"], "en-GB"),
            (&[], "en-GB"),
        ] {
            let languages = preferred.iter().map(|language| (*language).to_owned());
            assert_eq!(english_variant(languages), variant, "{preferred:?}");
        }
    }
}
