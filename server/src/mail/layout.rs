//! Letters as text and as HTML. The frames around them are in the files beside this one.

use super::{Block, Letter, address::one_line};
use crate::html::escaped;

const TEXT: &str = include_str!("layout.txt");
const HTML: &str = include_str!("layout.html");

/// Longest lines of the text, in characters.
const LINE_CHARS: usize = 72;

pub(super) fn text(letter: &Letter) -> String {
    let mut body = String::new();
    for block in &letter.blocks {
        match block {
            Block::Paragraph(text) => body += &wrapped(text, ""),
            Block::Quote(text) => {
                for line in text.lines() {
                    body += &wrapped(line, "> ");
                }
            }
            Block::Facts(facts) => {
                let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
                for (name, value) in facts {
                    let value = one_line(value);
                    body += &format!("{:1$} {value}\n", format!("{name}:"), width + 1);
                }
            }
            Block::Button { label, url } => body += &format!("{label}:\n{url}\n"),
        }
        body.push('\n');
    }
    let unsubscribe = letter
        .unsubscribe
        .as_deref()
        .map_or_else(String::new, |url| format!("No more reminders: {url}\n"));
    filled(
        TEXT,
        &[
            ("{reason}", wrapped(&letter.reason, "").trim_end().to_owned()),
            ("{unsubscribe}", unsubscribe),
            ("{body}", body),
            ("{greeting}", greeting(letter)),
        ],
    )
}

pub(super) fn html(letter: &Letter) -> String {
    let mut body = String::new();
    for block in &letter.blocks {
        match block {
            Block::Paragraph(text) => {
                body += &format!("<p style=\"margin:0 0 16px\">{}</p>\n", escaped(text));
            }
            Block::Quote(text) => {
                let text = escaped(text).replace('\n', "<br>");
                body += &format!(
                    "<blockquote class=\"quote\" style=\"margin:0 0 16px;padding-left:12px;\
                     border-left:3px solid #b9b4a9\">{text}</blockquote>\n"
                );
            }
            Block::Facts(facts) => {
                for (name, value) in facts {
                    body += &format!(
                        "<p style=\"margin:0 0 8px\"><span class=\"quiet\" \
                         style=\"color:#5f646d;font-size:13px\">{name}</span><br>{}</p>\n",
                        escaped(&one_line(value))
                    );
                }
            }
            Block::Button { label, url } => {
                let url = escaped(url);
                body += &format!(
                    "<p style=\"margin:24px 0 8px\"><a class=\"button\" href=\"{url}\" \
                     style=\"display:inline-block;padding:12px 20px;border-radius:8px;\
                     background:#8a4b08;color:#ffffff;font-weight:600;text-decoration:none\">\
                     {label}</a></p>\n<p class=\"quiet\" style=\"margin:0 0 16px;color:#5f646d;\
                     font-size:13px\">{url}</p>\n"
                );
            }
        }
    }
    let unsubscribe = letter.unsubscribe.as_deref().map_or_else(String::new, |url| {
        format!(
            " <a class=\"link\" style=\"color:#8a4b08\" href=\"{}\">No more reminders</a>",
            escaped(url)
        )
    });
    filled(
        HTML,
        &[
            ("{subject}", escaped(&one_line(&letter.subject))),
            ("{reason}", escaped(&letter.reason)),
            ("{unsubscribe}", unsubscribe),
            ("{body}", body),
            ("{greeting}", escaped(&greeting(letter))),
        ],
    )
}

fn greeting(letter: &Letter) -> String {
    match &letter.to.name {
        Some(name) => format!("Hello {}", one_line(name)),
        None => "Hello".to_owned(),
    }
}

/// The frame with its places filled. What is filled in is not looked at again.
fn filled(frame: &str, places: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(frame.len());
    let mut rest = frame;
    loop {
        let next = places
            .iter()
            .filter_map(|(place, value)| rest.find(place).map(|at| (at, *place, value)))
            .min_by_key(|(at, ..)| *at);
        let Some((at, place, value)) = next else { break };
        filled += &rest[..at];
        filled += value;
        rest = &rest[at + place.len()..];
    }
    filled + rest
}

/// A paragraph in lines that begin with `start`.
fn wrapped(text: &str, start: &str) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > LINE_CHARS {
            lines += &format!("{start}{line}\n");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines + start + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::{super::Recipient, *};

    fn letter() -> Letter {
        Letter {
            to: Recipient { name: Some("Ada {body} <b>".into()), email: "ada@example.org".into() },
            subject: "You have 2 tickets for <i>Jazz</i>".into(),
            blocks: vec![
                Block::paragraph("word ".repeat(40)),
                Block::Quote("Rain.\n<script>alert(1)</script>".into()),
                Block::Facts(vec![("When", "Sun, Dec 6".into()), ("Where", "Blue\nDoor".into())]),
                Block::Button { label: "Show tickets", url: "https://a.example/b?c&d".into() },
            ],
            reason: "You get this mail because you booked.".into(),
            calendar: None,
            unsubscribe: None,
        }
    }

    #[test]
    fn the_text_has_short_lines_and_everything_in_it() {
        let text = text(&letter());
        assert!(text.starts_with("Hello Ada {body} <b>,\n\nword word"), "{text}");
        assert!(text.contains("> Rain.\n> <script>"), "{text}");
        assert!(text.contains("When:  Sun, Dec 6\nWhere: Blue Door\n"), "{text}");
        assert!(text.contains("Show tickets:\nhttps://a.example/b?c&d\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 72), "{text}");
    }

    #[test]
    fn no_text_becomes_an_element_of_the_html() {
        let html = html(&letter());
        assert!(html.contains("Hello Ada {body} &lt;b&gt;,"), "{html}");
        assert!(html.contains("Rain.<br>&lt;script&gt;"), "{html}");
        assert!(html.contains("href=\"https://a.example/b?c&amp;d\""), "{html}");
        assert!(!html.contains("<script") && !html.contains("<i>"), "{html}");
    }
}
