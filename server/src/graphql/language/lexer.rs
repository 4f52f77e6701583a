//! Splits a text into tokens.
//! <https://spec.graphql.org/September2025/#sec-Language.Source-Text.Lexical-Tokens>

use async_graphql::Pos;

use super::{
    strings::{self, Quoted},
    syntax_error::SyntaxError,
};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    Sign(char),
    /// `...`
    Dots,
    Name(&'a str),
    Int(&'a str),
    Float(&'a str),
    String(String),
    BlockString(String),
    End,
}

impl Token<'_> {
    /// The token as a message names it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Sign(sign) => format!("\"{sign}\""),
            Self::Dots => "\"...\"".to_owned(),
            Self::Name(text) | Self::Int(text) | Self::Float(text) => format!("\"{text}\""),
            Self::String(_) | Self::BlockString(_) => "a string".to_owned(),
            Self::End => "the end of the document".to_owned(),
        }
    }
}

/// The rest of a text.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    rest: &'a str,
    pos: Pos,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, pos: Pos { line: 1, column: 1 } }
    }

    /// Takes the next token, and its place.
    pub(super) fn next(&mut self) -> Result<(Pos, Token<'a>), SyntaxError> {
        self.skip_ignored();
        let pos = self.pos;
        let Some(first) = self.rest.chars().next() else { return Ok((pos, Token::End)) };
        let token = match first {
            '!' | '$' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' => {
                self.take(1);
                Token::Sign(first)
            }
            '.' if self.rest.starts_with("...") => {
                self.take(3);
                Token::Dots
            }
            '"' => {
                let is_block = self.rest.starts_with(strings::BLOCK_QUOTES);
                let Quoted { value, length } =
                    strings::read(self.rest).map_err(|message| SyntaxError::new(pos, message))?;
                self.take(length);
                if is_block { Token::BlockString(value) } else { Token::String(value) }
            }
            '-' | '0'..='9' => self.number()?,
            _ if is_name_start(first) => {
                let length = self.rest.bytes().take_while(|byte| is_name(*byte)).count();
                Token::Name(self.take(length))
            }
            _ => {
                let message = format!("There is no {} in GraphQL.", describe(first));
                return Err(SyntaxError::new(pos, message));
            }
        };
        Ok((pos, token))
    }

    fn skip_ignored(&mut self) {
        while let Some(first) = self.rest.chars().next() {
            match first {
                '\u{feff}' | '\t' | ' ' | ',' | '\n' | '\r' => {
                    self.take(first.len_utf8());
                }
                '#' => {
                    let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
                    self.take(end);
                }
                _ => return,
            }
        }
    }

    fn number(&mut self) -> Result<Token<'a>, SyntaxError> {
        let bytes = self.rest.as_bytes();
        let byte = |place: usize| bytes.get(place).copied();
        let digits = |from: usize| {
            bytes[from.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let wrong = || {
            let shown = self.rest.split(|c: char| c.is_whitespace() || ",(){}[]:\"".contains(c));
            let shown = shown.into_iter().next().unwrap_or_default();
            SyntaxError::new(self.pos, format!("\"{shown}\" is not a number."))
        };

        let mut end = usize::from(byte(0) == Some(b'-'));
        let whole = digits(end);
        if whole == 0 || whole > 1 && byte(end) == Some(b'0') {
            return Err(wrong());
        }
        end += whole;
        let mut is_float = false;
        if byte(end) == Some(b'.') {
            is_float = true;
            let fraction = digits(end + 1);
            if fraction == 0 {
                return Err(wrong());
            }
            end += 1 + fraction;
        }
        if matches!(byte(end), Some(b'e' | b'E')) {
            is_float = true;
            end += 1 + usize::from(matches!(byte(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end);
            if exponent == 0 {
                return Err(wrong());
            }
            end += exponent;
        }
        if byte(end).is_some_and(|byte| byte == b'.' || is_name_start(char::from(byte))) {
            return Err(wrong());
        }
        let text = self.take(end);
        Ok(if is_float { Token::Float(text) } else { Token::Int(text) })
    }

    /// Takes this many bytes of the text.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        let mut chars = taken.chars().peekable();
        while let Some(char) = chars.next() {
            match char {
                // These two end one line.
                '\r' if chars.peek() == Some(&'\n') => {}
                '\r' if chars.peek().is_none() && rest.starts_with('\n') => {}
                '\n' | '\r' => self.pos = Pos { line: self.pos.line + 1, column: 1 },
                _ => self.pos.column += 1,
            }
        }
        self.rest = rest;
        taken
    }
}

fn is_name_start(char: char) -> bool {
    char.is_ascii_alphabetic() || char == '_'
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn describe(char: char) -> String {
    if char.is_control() || char.is_whitespace() {
        format!("U+{:04X}", u32::from(char))
    } else {
        format!("\"{char}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Token<'_>>, SyntaxError> {
        let mut lexer = Lexer::new(text);
        let mut tokens = Vec::new();
        loop {
            match lexer.next()? {
                (_, Token::End) => return Ok(tokens),
                (_, token) => tokens.push(token),
            }
        }
    }

    #[test]
    fn names_and_signs_stand_side_by_side() {
        let found = tokens("\u{feff}a,_1...!\u{feff}# } \r\n)").unwrap();
        let wanted =
            [Token::Name("a"), Token::Name("_1"), Token::Dots, Token::Sign('!'), Token::Sign(')')];
        assert_eq!(found, wanted);
        for wrong in [".", "..", "é", "?", "\u{0}", "'a'", "a;", "\u{a0}"] {
            tokens(wrong).unwrap_err();
        }
    }

    #[test]
    fn numbers_are_whole_or_not() {
        for whole in ["0", "-0", "7", "-12", "99999999999999999999"] {
            assert_eq!(tokens(whole).unwrap(), [Token::Int(whole)]);
        }
        for float in ["0.5", "-1.50", "1e3", "1E+3", "0.1e-7"] {
            assert_eq!(tokens(float).unwrap(), [Token::Float(float)]);
        }
        for wrong in ["01", "-", "1.", "1.e3", "1e", "1e+", "1a", "1_", "0x1", "1.2.3", "-a", "00"]
        {
            tokens(wrong).unwrap_err();
        }
        assert_eq!(tokens("1\"a\"").unwrap().len(), 2);
    }

    #[test]
    fn each_token_has_a_place() {
        let mut lexer = Lexer::new("a\r\n é\"");
        assert_eq!(lexer.next().unwrap().0, Pos { line: 1, column: 1 });
        assert_eq!(lexer.next().unwrap_err().pos, Pos { line: 2, column: 2 });
        let mut lexer = Lexer::new("\"\"\"\n\n\"\"\" b\rc");
        let places = [0; 3].map(|_| lexer.next().unwrap().0);
        assert_eq!(places.map(|pos| (pos.line, pos.column)), [(1, 1), (3, 5), (4, 1)]);
    }
}
