//! Measures a query's text before it is parsed. Parsing takes a microsecond for each token, and a
//! nested call for each bracket; this takes a hundredth of that.
//! <https://spec.graphql.org/September2025/#sec-Language.Source-Text.Lexical-Tokens>

/// Brackets within brackets that are counted as too deep.
const MAX_NESTING: usize = 100;

/// The reason why a text is not parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooLarge {
    Tokens,
    Nesting,
}

/// Checks that a text has at most `max_tokens` tokens, and no endless nesting. Anything that is not
/// a token counts as one, because the parser refuses it anyway.
pub(super) fn check(text: &str, max_tokens: usize) -> Result<(), TooLarge> {
    let mut rest = text.trim_start_matches('\u{feff}').as_bytes();
    let (mut tokens, mut depth) = (0, 0_usize);
    while let [first, after @ ..] = rest {
        let length = match first {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                rest = after;
                continue;
            }
            b'#' => {
                rest = &after[count_while(after, |byte| !matches!(byte, b'\n' | b'\r'))..];
                continue;
            }
            b'"' => string_length(rest),
            b'{' | b'[' | b'(' => {
                depth += 1;
                1
            }
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                1
            }
            b'.' if after.starts_with(b"..") => 3,
            byte if byte.is_ascii_digit() => {
                count_while(rest, |byte| is_name(byte) || matches!(byte, b'.' | b'+' | b'-'))
            }
            byte if is_name(*byte) => count_while(rest, is_name),
            _ => 1,
        };
        tokens += 1;
        if tokens > max_tokens {
            return Err(TooLarge::Tokens);
        }
        if depth > MAX_NESTING {
            return Err(TooLarge::Nesting);
        }
        rest = &rest[length..];
    }
    Ok(())
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn count_while(bytes: &[u8], mut belongs: impl FnMut(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !belongs(*byte)).unwrap_or(bytes.len())
}

/// The length of the string, or of the block string, that the bytes start with.
fn string_length(bytes: &[u8]) -> usize {
    let quotes = if bytes.starts_with(br#"""""#) { 3 } else { 1 };
    let end = &br#"""""#[..quotes];
    let mut at = quotes;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(end) {
            return at + quotes;
        }
        at += match rest {
            [b'\\', b'"', b'"', b'"', ..] if quotes == 3 => 4,
            [b'\\', _, ..] if quotes == 1 => 2,
            // A string ends with its line.
            [b'\n' | b'\r', ..] if quotes == 1 => return at,
            _ => 1,
        };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> usize {
        (0..).find(|max| check(text, *max).is_ok()).unwrap()
    }

    #[test]
    fn tokens_are_counted_as_the_specification_has_them() {
        assert_eq!(tokens(""), 0);
        assert_eq!(tokens("\u{feff}{ a(b: \"c } \\\" d\", e: 1.5) @f ...G } # ,x y"), 15);
        assert_eq!(tokens("{a,b\tc\r\nd}"), 6);
        assert_eq!(tokens(r#"""" a " b \""" c "" """ d"#), 2);
        assert_eq!(tokens(r#""" a"#), 2);
    }

    #[test]
    fn texts_that_do_not_parse_are_measured_too() {
        for text in ["\"a", "\"\"\"a", "\"a\\", "é😀", "\0", "\"\"\"\\", "\"a\nb\"", "{{{]])"] {
            assert!(tokens(text) <= text.len(), "{text}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |depth| "[".repeat(depth);
        assert_eq!(check(&nested(MAX_NESTING), 1_000), Ok(()));
        assert_eq!(check(&nested(MAX_NESTING + 1), 1_000), Err(TooLarge::Nesting));
        assert_eq!(check(&"{}".repeat(400), 1_000), Ok(()), "siblings are not nested");
        assert_eq!(check(&"a ".repeat(1_001), 1_000), Err(TooLarge::Tokens));
    }
}
