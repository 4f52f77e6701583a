//! Marks the words of a search in a text.

/// The text as HTML, in which the words of the search are marked, in whatever case. The browser
/// knows the lower case of all letters, so the program need not have it.
pub(crate) fn marked(text: &str, search: &str, lower: impl Fn(&str) -> String) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut compared: Vec<char> = lower(text).chars().collect();
    // A few letters become two. Then the places don't match, and nothing is marked.
    if compared.len() != letters.len() {
        compared.clear();
    }
    let search = lower(search);
    let words: Vec<Vec<char>> =
        search.split_whitespace().map(|word| word.chars().collect()).collect();
    let mut html = String::new();
    let mut place = 0;
    while place < letters.len() {
        let rest = compared.get(place..).unwrap_or_default();
        let found = words.iter().filter(|word| rest.starts_with(word)).map(Vec::len).max();
        html.push_str(if found.is_some() { "<mark>" } else { "" });
        let end = place + found.unwrap_or(1);
        for letter in &letters[place..end] {
            match letter {
                '<' => html.push_str("&lt;"),
                '&' => html.push_str("&amp;"),
                letter => html.push(*letter),
            }
        }
        html.push_str(if found.is_some() { "</mark>" } else { "" });
        place = end;
    }
    html
}

#[cfg(test)]
mod tests {
    fn marked(text: &str, search: &str) -> String {
        super::marked(text, search, str::to_lowercase)
    }

    #[test]
    fn the_words_of_a_search_are_marked_in_any_case_and_order() {
        let marked = |text, search| marked(text, search).replace("mark>", "");
        assert_eq!(marked("Jazz Night", "jazz"), "<Jazz</ Night");
        assert_eq!(marked("Jazz Night", "NIGHT ja"), "<Ja</zz <Night</");
        assert_eq!(marked("Ärzte in Ünna", "ü ä"), "<Ä</rzte in <Ü</nna");
        assert_eq!(marked("aaa", "aa a"), "<aa</<a</");
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for (text, search) in
            [("Jazz", ""), ("Jazz", "rock"), ("", "jazz"), ("İ", "i"), ("ab", "abc")]
        {
            assert_eq!(marked(text, search), text, "{search}");
        }
    }

    #[test]
    fn a_text_never_becomes_an_element() {
        assert_eq!(marked("<b>R&B", "r&b"), "&lt;b><mark>R&amp;B</mark>");
        assert_eq!(marked("<b>", "<"), "<mark>&lt;</mark>b>");
    }
}
