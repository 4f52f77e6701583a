//! Slugs: the part of an organizer's address that is their own.

/// The server's limit.
const MAX_CHARS: usize = 60;

/// A slug for this name: its letters and digits in lower case, and hyphens between its words.
/// Accents are left out, as far as they are known. It is empty if nothing remains.
pub(super) fn proposed_slug(name: &str) -> String {
    let mut slug = String::new();
    for char in name.chars().flat_map(char::to_lowercase) {
        match plain(char) {
            "" if char.is_ascii_alphanumeric() => slug.push(char),
            "" if slug.ends_with('-') || slug.is_empty() || is_within_word(char) => {}
            "" => slug.push('-'),
            plain => slug.push_str(plain),
        }
    }
    slug.truncate(MAX_CHARS);
    slug.trim_end_matches('-').to_owned()
}

/// Whether the character does not separate words.
fn is_within_word(char: char) -> bool {
    matches!(char, '\'' | '’' | '\u{300}'..='\u{36f}')
}

/// The plain letters for a letter with an accent; empty for all others.
fn plain(char: char) -> &'static str {
    match char {
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ą' => "a",
        'ä' | 'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ı' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ő' => "o",
        'ö' | 'ø' | 'œ' => "oe",
        'ř' => "r",
        'ś' | 'š' | 'ş' => "s",
        'ß' => "ss",
        'ť' => "t",
        'ù' | 'ú' | 'û' | 'ů' | 'ű' => "u",
        'ü' => "ue",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_made_from_the_names_words() {
        for (name, slug) in [
            ("Blue Hall", "blue-hall"),
            ("  Café “Zoë” & Söhne ", "cafe-zoe-soehne"),
            ("Ada's Club", "adas-club"),
            ("Jazz -- 2026!", "jazz-2026"),
            ("e\u{301}te\u{301}", "ete"),
            ("東京", ""),
            ("!", ""),
        ] {
            assert_eq!(proposed_slug(name), slug, "{name}");
        }
        let long = proposed_slug(&"word ".repeat(30));
        assert!(long.len() <= MAX_CHARS && long.ends_with('d'), "{long}");
    }
}
