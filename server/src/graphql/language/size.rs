//! Measures a text before it is parsed. The parser makes a nested call for each bracket, and builds
//! something for each token; this does neither.

use super::lexer::{Lexer, Token};

/// Brackets within brackets that are counted as too deep.
const MAX_NESTING: usize = 100;

/// The reason why a text is not parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum TooLarge {
    Tokens,
    Nesting,
}

/// Checks that a text has at most `max_tokens` tokens, and no endless nesting. Measuring stops where
/// parsing will fail.
pub(in crate::graphql) fn check_size(text: &str, max_tokens: usize) -> Result<(), TooLarge> {
    let mut lexer = Lexer::new(text);
    let (mut tokens, mut depth) = (0, 0_usize);
    while let Ok((_, token)) = lexer.next() {
        match token {
            Token::End => break,
            Token::Sign('{' | '[' | '(') => depth += 1,
            Token::Sign('}' | ']' | ')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        tokens += 1;
        if tokens > max_tokens {
            return Err(TooLarge::Tokens);
        }
        if depth > MAX_NESTING {
            return Err(TooLarge::Nesting);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> usize {
        (0..).find(|max| check_size(text, *max).is_ok()).unwrap()
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
    fn measuring_stops_where_parsing_fails() {
        for text in ["\"a", "\"\"\"a", "\"a\\", "é😀", "\0", "\"a\nb\"", "01"] {
            assert_eq!(tokens(text), 0, "{text}");
        }
        assert_eq!(tokens("{{{]])"), 6);
        assert_eq!(tokens("{ a ? b"), 2);
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |depth| "[".repeat(depth);
        assert_eq!(check_size(&nested(MAX_NESTING), 1_000), Ok(()));
        assert_eq!(check_size(&nested(MAX_NESTING + 1), 1_000), Err(TooLarge::Nesting));
        assert_eq!(check_size(&"{}".repeat(400), 1_000), Ok(()), "siblings are not nested");
        assert_eq!(check_size(&"a ".repeat(1_001), 1_000), Err(TooLarge::Tokens));
    }
}
