//! The lines in a page's head that describe it: for crawlers, for previews of shared links, and for
//! the browser's tab while the client loads.

use std::fmt::Write;

use serde_json::Value;

use crate::{html::escaped, visible_text::is_bidi_control};

/// The purpose of the site, in one sentence.
pub(super) const TAGLINE: &str =
    "Find an event, book your tickets, and watch live how many are left.";

/// Longest description, in characters. Search engines and previews show less.
const MAX_DESCRIPTION_CHARS: usize = 300;

/// The picture that previews show beside a link to a page without one of its own.
const ICON_PATH: &str = "/apple-touch-icon.png";

/// The picture of a page's subject.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// Its path on this server.
    pub(super) path: String,
    /// What it shows, for people who don't see it.
    pub(super) alt: String,
}

/// The description of a page.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) title: String,
    pub(super) description: String,
    /// The origin of the page and its path, if it should be found and shared.
    pub(super) address: Option<(String, String)>,
    pub(super) picture: Option<Picture>,
    /// The page's subject, as schema.org describes things.
    pub(super) structured_data: Option<Value>,
    /// Whether search engines should leave the page out.
    pub(super) is_hidden: bool,
}

impl Head {
    /// The head of a page that nobody needs to find or share.
    pub(super) fn unlisted(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            description: TAGLINE.to_owned(),
            address: None,
            picture: None,
            structured_data: None,
            is_hidden: false,
        }
    }

    /// The head of a page that search engines should leave out.
    pub(super) fn hidden(title: &str) -> Self {
        Self { is_hidden: true, ..Self::unlisted(title) }
    }

    pub(super) fn to_html(&self) -> String {
        let title = escaped(&without_direction(&self.title));
        let description =
            escaped(&shortened(&without_direction(&self.description), MAX_DESCRIPTION_CHARS));
        let mut html = format!(
            "<title>{title} · Rowlock</title>\n    \
             <meta name=\"description\" content=\"{description}\" />"
        );
        let mut line = |text: &str| html.extend(["\n    ", text]);
        if let Some((origin, path)) = &self.address {
            let (origin, path) = (escaped(origin), escaped(path));
            line(&format!("<link rel=\"canonical\" href=\"{origin}{path}\" />"));
            let (image, alt, card) = match &self.picture {
                Some(Picture { path, alt }) => {
                    (path.as_str(), without_direction(alt), "summary_large_image")
                }
                None => (ICON_PATH, String::new(), "summary"),
            };
            for (property, content) in [
                ("og:type", "website"),
                ("og:site_name", "Rowlock"),
                ("og:title", &title),
                ("og:description", &description),
                ("og:url", &format!("{origin}{path}")),
                ("og:image", &format!("{origin}{}", escaped(image))),
                ("og:image:alt", &escaped(&alt)),
            ] {
                if !content.is_empty() {
                    line(&format!("<meta property=\"{property}\" content=\"{content}\" />"));
                }
            }
            line(&format!("<meta name=\"twitter:card\" content=\"{card}\" />"));
        }
        if self.is_hidden {
            line("<meta name=\"robots\" content=\"noindex\" />");
        }
        if let Some(data) = &self.structured_data {
            let data = script_safe(&data.to_string());
            line(&format!("<script type=\"application/ld+json\">{data}</script>"));
        }
        html
    }
}

/// JSON that a script element can hold: nothing in it ends the element, begins a comment, or breaks
/// a line of JavaScript. Outside of its strings, JSON has none of these characters.
fn script_safe(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string does not fail.
                let _ = write!(safe, "\\u{:04x}", u32::from(char));
            }
            char => safe.push(char),
        }
    }
    safe
}

/// The text in one line, without the characters that change the direction of the text after them.
pub(super) fn without_direction(text: &str) -> String {
    let plain: String = text.chars().filter(|char| !is_bidi_control(*char)).collect();
    let words = plain.split(|char: char| char.is_whitespace() || char.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The text, or its first words and an ellipsis.
pub(super) fn shortened(text: &str, max_chars: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(max_chars) else {
        return text.to_owned();
    };
    // A text without spaces is cut within a word.
    let end = text[..end].rfind(' ').filter(|space| *space > 0).unwrap_or(end);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_text_ends_its_element() {
        for text in
            ["</script><script>alert(1)</script>", "</title><b>", "\"'><img>", "a & b", "<!--"]
        {
            let head = Head {
                title: text.to_owned(),
                description: text.to_owned(),
                address: Some(("http://a.example".to_owned(), "/".to_owned())),
                picture: Some(Picture { path: "/p.jpg".to_owned(), alt: text.to_owned() }),
                structured_data: Some(json!({ "name": text })),
                is_hidden: false,
            };
            let html = head.to_html();
            assert_eq!(html.matches("<script").count(), 1, "{html}");
            assert_eq!(html.matches("</script").count(), 1, "{html}");
            assert_eq!(html.matches("</title").count(), 1, "{html}");
            assert!(!html.contains(text), "{html}");
            let data = html.split("ld+json\">").nth(1).unwrap().split("</script>").next().unwrap();
            let data: Value = serde_json::from_str(data).unwrap();
            assert_eq!(data["name"], text);
        }
    }

    #[test]
    fn structured_data_keeps_every_character() {
        let name = "a\u{2028}b\u{2029}c\u{202e}d🎟 \\ \" \u{1}";
        let html = script_safe(&json!(name).to_string());
        assert!(!html.contains(['\u{2028}', '\u{2029}']), "{html}");
        assert_eq!(serde_json::from_str::<Value>(&html).unwrap(), name);
    }

    #[test]
    fn a_title_can_t_reverse_what_follows_it() {
        let head = Head::unlisted("a\u{202e}b\u{2066}c\nd\u{0}e 🎟");
        assert!(head.to_html().starts_with("<title>abc d e 🎟 · Rowlock</title>"));
    }

    #[test]
    fn a_long_description_is_cut_between_words() {
        let long = "word ".repeat(100);
        let short = shortened(&long, MAX_DESCRIPTION_CHARS);
        assert!(short.ends_with("word…"), "{short}");
        assert!(short.chars().count() <= MAX_DESCRIPTION_CHARS + 1);
        assert_eq!(shortened("short", MAX_DESCRIPTION_CHARS), "short");
        assert_eq!(shortened(&"🎟".repeat(400), 300), format!("{}…", "🎟".repeat(300)));
    }
}
