//! The kind of English in which dates, numbers and money are written.

/// The first kind of English among the visitor's preferred languages, else British English, or
/// American for a language of the United States.
///
/// The page's words are English, and a date in another language would not fit them. A visitor whose
/// first language is that of another country gets none made up for it, such as "en-DE": browsers know
/// only some of these, and mix the marks of two languages in numbers.
///
/// A tag such as "en-US@posix", which some systems give to the browser, is left out, because `Intl`
/// throws an error for it.
pub(crate) fn english_variant(preferred: impl IntoIterator<Item = String>) -> String {
    let mut first = None;
    for language in preferred.into_iter().filter(|language| is_well_formed(language)) {
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

/// Whether the tag has a language, perhaps a script, and perhaps a region. `Intl` accepts these.
fn is_well_formed(tag: &str) -> bool {
    let mut parts = tag.split('-').peekable();
    let is_alphabetic = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_script = |part: &&str| part.len() == 4 && is_alphabetic(part);
    let is_region = |part: &&str| match part.len() {
        2 => is_alphabetic(part),
        3 => part.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    let is_language = |part: &str| matches!(part.len(), 2 | 3) && is_alphabetic(part);
    if !parts.next().is_some_and(is_language) {
        return false;
    }
    parts.next_if(is_script);
    parts.next_if(is_region);
    parts.next().is_none()
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
            (&["en-DE", "en-US"], "en-DE"),
            (&["en-Latn-AU"], "en-Latn-AU"),
            (&["en-001"], "en-001"),
            (&["en-US@posix"], "en-GB"),
            (&["en-US@posix", "en-CA"], "en-CA"),
            (&["en_US"], "en-GB"),
            (&["en-", "en--US", "en-u", "en-US-x", "en-Ü", "", "-US"], "en-GB"),
            (&[], "en-GB"),
        ] {
            let languages = preferred.iter().map(|language| (*language).to_owned());
            assert_eq!(english_variant(languages), variant, "{preferred:?}");
        }
    }
}
