//! Makes HTML of Markdown, as CommonMark defines it. HTML within it is shown as text, and so is a link
//! that leads elsewhere than to a page or an email address.

use pulldown_cmark::{Event, HeadingLevel, Parser, Tag, TagEnd, html::push_html};

/// The schemes that links may have. A link without one leads to a page of this site.
const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

/// A text as HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    pub(super) html: String,
    /// The words of the first heading of the highest level.
    pub(super) title: Option<String>,
    /// The words of the first paragraph.
    pub(super) summary: Option<String>,
}

pub(super) fn render(markdown: &str) -> Rendered {
    let events = safe(Parser::new(markdown));
    let title = words(&events, |tag| matches!(tag, Tag::Heading { level: HeadingLevel::H1, .. }));
    let summary = words(&events, |tag| matches!(tag, Tag::Paragraph));
    let mut html = String::new();
    push_html(&mut html, events.into_iter());
    Rendered { html, title, summary }
}

/// The same text without HTML, pictures, and links that lead elsewhere. What they have in them stays.
fn safe<'t>(events: impl Iterator<Item = Event<'t>>) -> Vec<Event<'t>> {
    let mut are_links_kept = Vec::new();
    let mut safe = Vec::new();
    for event in events {
        match event {
            Event::Html(text) | Event::InlineHtml(text) => safe.push(Event::Text(text)),
            Event::Start(Tag::HtmlBlock) => safe.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => safe.push(Event::End(TagEnd::Paragraph)),
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            Event::Start(Tag::Link { ref dest_url, .. }) => {
                let is_kept = is_allowed(dest_url);
                are_links_kept.push(is_kept);
                safe.extend(is_kept.then_some(event));
            }
            Event::End(TagEnd::Link) => {
                if are_links_kept.pop() == Some(true) {
                    safe.push(event);
                }
            }
            event => safe.push(event),
        }
    }
    safe
}

/// Whether a link may lead there. Browsers ignore spaces and control characters in an address, so one
/// that has some could have another scheme than it seems.
fn is_allowed(address: &str) -> bool {
    if address.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return false;
    }
    let start = address.split(['/', '?', '#']).next().unwrap_or_default();
    let scheme = start.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_none_or(|scheme| SCHEMES.contains(&scheme.as_str()))
}

/// The words of the first element that `is_element` names, in one line.
fn words(events: &[Event<'_>], is_element: impl Fn(&Tag<'_>) -> bool) -> Option<String> {
    let (start, end) = events.iter().enumerate().find_map(|(place, event)| match event {
        Event::Start(tag) if is_element(tag) => Some((place, Event::End(tag.to_end()))),
        _ => None,
    })?;
    let inside = events[start..].iter().take_while(|event| **event != end);
    let words: String = inside
        .filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(&**text),
            Event::SoftBreak | Event::HardBreak => Some(" "),
            _ => None,
        })
        .collect();
    Some(words).filter(|words| !words.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(markdown: &str) -> String {
        render(markdown).html
    }

    #[test]
    fn html_in_a_text_is_shown_and_not_run() {
        for text in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "<div>\n\n*a*\n\n</div>",
            "<!-- <b> -->",
            "[a](</x> \"<b>\")",
            "![<b>](x)",
            "```\n<b>\n```",
            "`<b>`",
            "<a href=\"javascript:alert(1)\">x</a>",
        ] {
            let html = html(text);
            for tag in ["<script", "<img", "<div", "<!--", "<b>", "<a href=\"javascript"] {
                assert!(!html.contains(tag), "{text}: {html}");
            }
        }
        assert!(html("a <b>c</b>").contains("a &lt;b&gt;c&lt;/b&gt;"));
    }

    #[test]
    fn links_lead_to_pages_and_email_addresses_alone() {
        for address in [
            "/events",
            "#a",
            "?a=b:c",
            "a/b:c",
            "https://a.example/b",
            "HTTP://a.example",
            "mailto:a@b.example",
            "//a.example",
        ] {
            assert!(html(&format!("[a]({address})")).contains("<a href="), "{address}");
        }
        for address in [
            "javascript:alert(1)",
            "JavaScript&colon;alert(1)",
            "java&#10;script:alert(1)",
            "<java\tscript:alert(1)>",
            "&#1;javascript:alert(1)",
            "data:text/html,a",
            "vbscript:a",
            "file:///etc/passwd",
            "tel:1",
        ] {
            for link in [format!("[a]({address})"), format!("[a][b]\n\n[b]: {address}")] {
                let html = html(&link);
                assert!(!html.contains("<a") && html.contains('a'), "{link}: {html}");
            }
        }
        assert_eq!(html("<javascript:alert>"), "<p>javascript:alert</p>\n");
        assert_eq!(html("[a [b](x:y) c](/d)"), "<p>[a b c](/d)</p>\n");
    }

    #[test]
    fn the_first_heading_and_the_first_paragraph_describe_a_text() {
        let rendered = render("## b\n\n# Our *terms*\n\n> # c\n\nOne\n`two`.\n\nThree.");
        assert_eq!(rendered.title.as_deref(), Some("Our terms"));
        assert_eq!(rendered.summary.as_deref(), Some("One two."));
        let rendered = render("## b\n");
        assert_eq!((rendered.title, rendered.summary), (None, None));
    }
}
