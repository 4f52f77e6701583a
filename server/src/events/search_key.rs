//! The form in which searches compare texts: neither case nor composition make a difference.

use std::collections::BTreeSet;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

/// The dot that stays when a capital İ becomes small.
const DOT_ABOVE: char = '\u{307}';
/// The most that a key has of one text, in bytes: 200 characters, as a title can have. PostgreSQL's
/// index over starts has the keys, and takes no more than 2,704 bytes for an event.
const MAX_LINE_BYTES: usize = 800;
/// The longest piece of a key that SQLite's index has, in characters.
const MAX_PIECE_CHARS: usize = 3;

/// The text of an event that searches look in, with a line for each of its texts. No word reaches from
/// the title into the venue, or from there into the city, because words have no line break.
pub(super) fn search_key(title: &str, venue: &str, city: &str) -> String {
    [title, venue, city].map(folded_line).join("\n")
}

/// The form in which cities are compared, which is the last line of [`search_key`].
pub(super) fn city_key(city: &str) -> String {
    folded_line(city)
}

/// A text in one line, or the beginning of one that becomes too long. Other programs may have written
/// several lines, and some characters become many when they are folded.
fn folded_line(text: &str) -> String {
    let mut line = folded(text).trim().replace('\n', " ");
    line.truncate(line.floor_char_boundary(MAX_LINE_BYTES));
    line
}

/// The different words of a search, in the form of [`search_key`].
pub(crate) fn search_words(search: &str) -> BTreeSet<String> {
    folded(search).split_whitespace().map(str::to_owned).collect()
}

/// Maps texts that differ only in case, composition, width or invisible characters to the same one.
fn folded(text: &str) -> String {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let visible: String = text.chars().filter(|c| !ignorable.contains(*c)).collect();
    let (cases, nfkd) = (CaseMapper::new(), DecomposingNormalizerBorrowed::new_nfkd());
    // Folding can make decomposition necessary, and the other way round.
    let once = cases.fold_string(&nfkd.normalize(&visible)).into_owned();
    let twice = cases.fold_string(&nfkd.normalize(&once)).into_owned();
    let composed = ComposingNormalizerBorrowed::new_nfkc().normalize(&twice).into_owned();
    // Turkish has an I with and one without a dot, in both cases. The others have one of each, so
    // all four are the same here.
    let mut folded = String::with_capacity(composed.len());
    for c in composed.chars().map(|c| if c == 'ı' { 'i' } else { c }) {
        if c != DOT_ABOVE || !folded.ends_with('i') {
            folded.push(c);
        }
    }
    folded
}

/// All pieces of a key's words, each once, as words for SQLite's index.
pub(super) fn pieces(key: &str) -> String {
    let mut pieces = BTreeSet::new();
    for word in key.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for size in 1..=MAX_PIECE_CHARS {
            pieces.extend(letters.windows(size).map(encoded));
        }
    }
    pieces.into_iter().collect::<Vec<String>>().join(" ")
}

/// The query for SQLite's index that finds all keys with these words, and perhaps others.
pub(super) fn pieces_query<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    let mut pieces = BTreeSet::new();
    for word in words {
        let letters: Vec<char> = word.chars().collect();
        let size = letters.len().clamp(1, MAX_PIECE_CHARS);
        pieces.extend(letters.windows(size).map(encoded));
    }
    pieces.into_iter().collect::<Vec<String>>().join(" ")
}

/// A piece as a word of letters and digits, whatever its characters are.
fn encoded(letters: &[char]) -> String {
    let codes: Vec<String> = letters.iter().map(|c| format!("{:x}", u32::from(*c))).collect();
    codes.join("z")
}

/// The pieces of one or two letters by which PostgreSQL's index over short pieces finds a word;
/// none if its trigrams are enough. Trigrams need letters that the database's locale knows, and it
/// surely knows those of ASCII.
pub(super) fn short_pieces(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    if letters.len() < MAX_PIECE_CHARS {
        return vec![word.to_owned()];
    }
    if letters.iter().all(char::is_ascii_alphanumeric) {
        return Vec::new();
    }
    letters.windows(2).map(|letters| letters.iter().collect()).collect()
}

/// Whether the short pieces of a word are in many texts: it is short itself, or has signs besides
/// letters and digits of ASCII, as "no." has.
pub(super) fn is_common(word: &str) -> bool {
    word.chars().count() < MAX_PIECE_CHARS || word.is_ascii() && !short_pieces(word).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_composition_width_and_invisible_characters_make_no_difference() {
        for (one, other) in [
            ("Straße", "STRASSE"),
            ("Cafe\u{301}", "CAFÉ"),
            ("ΟΔΟΣ", "οδος"),
            ("İstanbul", "ISTANBUL"),
            ("ısparta", "Isparta"),
            ("Ｊａｚｚ", "jazz"),
            ("soft\u{ad}ware", "SOFTWARE"),
            ("\u{345}\u{3b1}", "\u{3b9}\u{3b1}"),
            ("\u{1fb3}", "\u{391}\u{399}"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        assert_ne!(folded("cafe"), folded("café"));
    }

    #[test]
    fn folding_again_changes_nothing() {
        for number in 0..=u32::from(char::MAX) {
            let Some(c) = char::from_u32(number) else { continue };
            let once = folded(&c.to_string());
            assert_eq!(folded(&once), once, "U+{number:04X}");
        }
    }

    #[test]
    fn a_key_has_a_line_for_each_text() {
        assert_eq!(search_key("Jazz\nnight", " The Hall ", ""), "jazz night\nthe hall\n");
        assert_eq!(search_key("a", "b", "KÖLN\n").lines().nth(2), Some(&*city_key(" Ko\u{308}ln")));
    }

    #[test]
    fn a_key_is_short_enough_for_an_index() {
        // Each of the first becomes 18 characters, and each of the last has four bytes already.
        for c in ['\u{fdfa}', '\u{3316}', '\u{20000}'] {
            let text = c.to_string().repeat(200);
            let key = search_key(&text, &text, &text);
            assert!((2_000..=2_402).contains(&key.len()), "{}", key.len());
            assert_eq!(key.lines().nth(2), Some(&*city_key(&text)));
        }
        assert_eq!(search_key(&"\u{20000}".repeat(200), "", "").len(), 802);
    }

    #[test]
    fn words_are_split_at_any_whitespace_and_counted_once() {
        let words = search_words(" jazz\u{3000}Berlin\u{a0}JAZZ\n");
        assert_eq!(words.into_iter().collect::<Vec<_>>(), ["berlin", "jazz"]);
        assert!(search_words("\u{ad} \u{200b}").is_empty());
    }

    #[test]
    fn pieces_are_those_of_words() {
        assert_eq!(pieces("ab c\nab"), "61 61z62 62 63");
        assert_eq!(pieces_query(&["abcd".to_owned()]), "61z62z63 62z63z64");
        assert_eq!(pieces_query(&["京".to_owned(), "ab".to_owned()]), "4eac 61z62");
        assert_eq!(short_pieces("ab"), ["ab"]);
        assert_eq!(short_pieces("日本語"), ["日本", "本語"]);
        assert!(short_pieces("jazz").is_empty());
        let common: Vec<&str> = ["ab", "no.", "京", "日本語", "jazz", "c++"]
            .into_iter()
            .filter(|w| is_common(w))
            .collect();
        assert_eq!(common, ["ab", "no.", "京", "c++"]);
    }
}
