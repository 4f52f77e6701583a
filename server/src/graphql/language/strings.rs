//! Reads strings and block strings.
//! <https://spec.graphql.org/September2025/#sec-String-Value>

/// A string of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Quoted {
    pub(super) value: String,
    /// Length in the text with its quotes, in bytes.
    pub(super) length: usize,
}

pub(super) const BLOCK_QUOTES: &str = "\"\"\"";

const UNTERMINATED: &str = "The string has no closing quote.";
const BAD_ESCAPE: &str = "The string has an invalid escape. Write one of \\\" \\\\ \\/ \\b \\f \\n \
                          \\r \\t, or a character's number as \\u0041 or \\u{1F389}.";

/// Reads the string that a text starts with.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn read(text: &str) -> Result<Quoted, &'static str> {
    match text.strip_prefix(BLOCK_QUOTES) {
        Some(content) => read_block(content),
        None => read_line(text),
    }
}

fn read_line(text: &str) -> Result<Quoted, &'static str> {
    let mut value = String::new();
    let mut rest = &text[1..];
    loop {
        let end = rest.find(['"', '\\', '\n', '\r']).ok_or(UNTERMINATED)?;
        value.push_str(&rest[..end]);
        rest = &rest[end..];
        if let Some(after) = rest.strip_prefix('"') {
            return Ok(Quoted { value, length: text.len() - after.len() });
        }
        let escape = rest.strip_prefix('\\').ok_or(UNTERMINATED)?;
        let (char, after) = read_escape(escape).ok_or(BAD_ESCAPE)?;
        value.push(char);
        rest = after;
    }
}

/// Reads what follows a backslash, and returns what follows that.
fn read_escape(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    let char = match chars.next()? {
        same @ ('"' | '\\' | '/') => same,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return read_code_point(chars.as_str()),
        _ => return None,
    };
    Some((char, chars.as_str()))
}

fn read_code_point(text: &str) -> Option<(char, &str)> {
    if let Some(braced) = text.strip_prefix('{') {
        let (digits, after) = braced.split_once('}')?;
        // More digits than any character needs are allowed, up to eight.
        if digits.is_empty() || digits.len() > 8 {
            return None;
        }
        return Some((char::from_u32(from_hex(digits)?)?, after));
    }
    let (first, after) = read_four_digits(text)?;
    if let Some(char) = char::from_u32(first) {
        return Some((char, after));
    }
    // The first of a surrogate pair, as JSON writes characters above U+FFFF.
    let (second, after) = read_four_digits(after.strip_prefix("\\u")?)?;
    let pair = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    Some((char::decode_utf16(pair).next()?.ok()?, after))
}

fn read_four_digits(text: &str) -> Option<(u32, &str)> {
    let (digits, after) = text.split_at_checked(4)?;
    Some((from_hex(digits)?, after))
}

fn from_hex(digits: &str) -> Option<u32> {
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    are_digits.then(|| u32::from_str_radix(digits, 16).ok())?
}

/// Reads a block string after its opening quotes.
fn read_block(content: &str) -> Result<Quoted, &'static str> {
    let mut raw = String::new();
    let mut rest = content;
    loop {
        let end = rest.find(BLOCK_QUOTES).ok_or(UNTERMINATED)?;
        match rest[..end].strip_suffix('\\') {
            Some(before) => {
                raw.push_str(before);
                raw.push_str(BLOCK_QUOTES);
            }
            None => raw.push_str(&rest[..end]),
        }
        let is_escaped = rest[..end].ends_with('\\');
        rest = &rest[end + BLOCK_QUOTES.len()..];
        if !is_escaped {
            let length = BLOCK_QUOTES.len() + content.len() - rest.len();
            return Ok(Quoted { value: without_common_indentation(&raw), length });
        }
    }
}

/// <https://spec.graphql.org/September2025/#BlockStringValue()>
fn without_common_indentation(raw: &str) -> String {
    let raw = raw.replace("\r\n", "\n");
    let lines = raw.split(['\n', '\r']).collect::<Vec<_>>();
    let indentation = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let is_blank = |line: &&str| indentation(line) == line.len();
    let later = lines.iter().skip(1).filter(|line| !is_blank(line));
    let common = later.map(|line| indentation(line)).min().unwrap_or(0);

    let Some(first) = lines.iter().position(|line| !is_blank(line)) else { return String::new() };
    let last = lines.iter().rposition(|line| !is_blank(line)).unwrap_or(first);
    let kept = (first..=last).map(|number| match number {
        0 => lines[0],
        number => lines[number].get(common..).unwrap_or_default(),
    });
    kept.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<String, &'static str> {
        let read = read(&format!("{text} rest"))?;
        assert_eq!(read.length, text.len());
        Ok(read.value)
    }

    #[test]
    fn escapes_are_characters() {
        assert_eq!(value(r#""a\"\\\/\b\f\n\r\t""#).unwrap(), "a\"\\/\u{8}\u{c}\n\r\t");
        assert_eq!(value(r#""\u00e9\u{e9}\u{000000E9}""#).unwrap(), "ééé");
        assert_eq!(value(r#""\ud83c\udf89 \u{1F389} 🎉""#).unwrap(), "🎉 🎉 🎉");
        for wrong in [
            r#""\x""#,
            r#""\u12""#,
            r#""\u{}""#,
            r#""\u{110000}""#,
            r#""\u{0000000041}""#,
            r#""\u{+041}""#,
            r#""\ud83c""#,
            r#""\ud83c\u0041""#,
            r#""\ud83cx""#,
            r#""\udf89""#,
            r#""\u{d83c}\u{df89}""#,
            r#""\u00é""#,
        ] {
            assert_eq!(value(wrong), Err(BAD_ESCAPE), "{wrong}");
        }
    }

    #[test]
    fn a_string_ends_on_its_line() {
        assert_eq!(value("\"\"").unwrap(), "");
        assert_eq!(value("\"\u{0}\u{7f}\"").unwrap(), "\u{0}\u{7f}");
        for wrong in ["\"a\nb\"", "\"a\rb\"", "\"a", "\""] {
            assert_eq!(read(wrong), Err(UNTERMINATED), "{wrong:?}");
        }
        assert_eq!(read("\"a\\"), Err(BAD_ESCAPE));
    }

    #[test]
    fn a_block_string_loses_its_common_indentation() {
        assert_eq!(value("\"\"\"\"\"\"").unwrap(), "");
        assert_eq!(value("\"\"\" a\\n\\u0041 \"\"\"").unwrap(), " a\\n\\u0041 ");
        assert_eq!(value("\"\"\"a \\\"\"\" b\"\"\"").unwrap(), "a \"\"\" b");
        let text = "\"\"\"\n    one\r\n      two\r\r    three\n  \n\"\"\"";
        assert_eq!(value(text).unwrap(), "one\n  two\n\nthree");
        assert_eq!(read("\"\"\"a\\\"\"\""), Err(UNTERMINATED));
        assert_eq!(read("\"\"\"a\"\""), Err(UNTERMINATED));
    }
}
