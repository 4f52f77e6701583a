//! Turns tokens into a tree.
//! <https://spec.graphql.org/September2025/#sec-Appendix-Grammar-Summary.Document-Syntax>
//!
//! Each bracket is a nested call, so the text must have passed
//! [`check_size`](super::check_size).

use std::mem;

use async_graphql::{
    Name, Pos,
    parser::types::{BaseType, OperationType, Type},
};

use super::{
    ast::{
        Argument, Directive, Document, Field, Fragment, Inline, Literal, Operation, Selection,
        Spread, Value, Variable,
    },
    lexer::{Lexer, Token},
    syntax_error::SyntaxError,
};

type Result<T> = std::result::Result<T, SyntaxError>;

/// Parses a document of operations and fragments.
///
/// # Errors
/// When the text is not such a document.
pub(in crate::graphql) fn parse(text: &str) -> Result<Document<'_>> {
    let mut lexer = Lexer::new(text);
    let (pos, next) = lexer.next()?;
    let mut parser = Parser { lexer, pos, next };
    let mut document = Document::default();
    loop {
        parser.definition(&mut document)?;
        if parser.next == Token::End {
            return Ok(document);
        }
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The place of the next token.
    pos: Pos,
    next: Token<'a>,
}

impl<'a> Parser<'a> {
    fn definition(&mut self, document: &mut Document<'a>) -> Result<()> {
        let pos = self.pos;
        if self.next == Token::Sign('{') {
            document.operations.push(Operation {
                pos,
                kind: OperationType::Query,
                name: None,
                variables: Vec::new(),
                directives: Vec::new(),
                selections: self.selections()?,
            });
            return Ok(());
        }
        self.skip_description()?;
        let kind = match self.next {
            Token::Name("query") => OperationType::Query,
            Token::Name("mutation") => OperationType::Mutation,
            Token::Name("subscription") => OperationType::Subscription,
            Token::Name("fragment") => {
                document.fragments.push(self.fragment(pos)?);
                return Ok(());
            }
            _ => return Err(self.unexpected("an operation or a fragment")),
        };
        self.advance()?;
        let name = match self.next {
            Token::Name(_) => Some(self.name()?),
            _ => None,
        };
        document.operations.push(Operation {
            pos,
            kind,
            name,
            variables: self.optional_list('(', ')', Self::variable)?,
            directives: self.directives(Variables::Allowed)?,
            selections: self.selections()?,
        });
        Ok(())
    }

    fn skip_description(&mut self) -> Result<()> {
        if matches!(self.next, Token::String(_) | Token::BlockString(_)) {
            self.advance()?;
        }
        Ok(())
    }

    fn fragment(&mut self, pos: Pos) -> Result<Fragment<'a>> {
        self.advance()?;
        if self.next == Token::Name("on") {
            return Err(self.unexpected("the fragment's name"));
        }
        let name = self.name()?;
        if self.next != Token::Name("on") {
            return Err(self.unexpected("\"on\""));
        }
        self.advance()?;
        Ok(Fragment {
            pos,
            name,
            on: self.name()?,
            directives: self.directives(Variables::Allowed)?,
            selections: self.selections()?,
        })
    }

    fn variable(&mut self) -> Result<Variable<'a>> {
        self.skip_description()?;
        let pos = self.pos;
        self.sign('$')?;
        let name = self.name()?;
        self.sign(':')?;
        let of = self.type_reference()?;
        let default = match self.skip_sign('=')? {
            true => Some(self.value(Variables::Forbidden)?),
            false => None,
        };
        let directives = self.directives(Variables::Forbidden)?;
        Ok(Variable { pos, name, of, default, directives })
    }

    fn type_reference(&mut self) -> Result<Type> {
        let base = if self.skip_sign('[')? {
            let item = self.type_reference()?;
            self.sign(']')?;
            BaseType::List(Box::new(item))
        } else {
            BaseType::Named(Name::new(self.name()?))
        };
        Ok(Type { base, nullable: !self.skip_sign('!')? })
    }

    fn selections(&mut self) -> Result<Vec<Selection<'a>>> {
        self.list('{', '}', Self::selection)
    }

    fn selection(&mut self) -> Result<Selection<'a>> {
        let pos = self.pos;
        if self.next != Token::Dots {
            return self.field(pos).map(Selection::Field);
        }
        self.advance()?;
        let on = match self.next {
            Token::Name("on") => {
                self.advance()?;
                Some(self.name()?)
            }
            Token::Name(name) => {
                self.advance()?;
                let directives = self.directives(Variables::Allowed)?;
                return Ok(Selection::Spread(Spread { pos, name, directives }));
            }
            _ => None,
        };
        let directives = self.directives(Variables::Allowed)?;
        Ok(Selection::Inline(Inline { pos, on, directives, selections: self.selections()? }))
    }

    fn field(&mut self, pos: Pos) -> Result<Field<'a>> {
        let first = self.name()?;
        let (alias, name) = match self.skip_sign(':')? {
            true => (Some(first), self.name()?),
            false => (None, first),
        };
        let arguments =
            self.optional_list('(', ')', |parser| parser.argument(Variables::Allowed))?;
        let directives = self.directives(Variables::Allowed)?;
        let selections = self.optional_list('{', '}', Self::selection)?;
        Ok(Field { pos, alias, name, arguments, directives, selections })
    }

    fn directives(&mut self, variables: Variables) -> Result<Vec<Directive<'a>>> {
        let mut directives = Vec::new();
        loop {
            let pos = self.pos;
            if !self.skip_sign('@')? {
                return Ok(directives);
            }
            let name = self.name()?;
            let arguments = self.optional_list('(', ')', |parser| parser.argument(variables))?;
            directives.push(Directive { pos, name, arguments });
        }
    }

    fn argument(&mut self, variables: Variables) -> Result<Argument<'a>> {
        let pos = self.pos;
        let name = self.name()?;
        self.sign(':')?;
        Ok(Argument { pos, name, value: self.value(variables)? })
    }

    fn value(&mut self, variables: Variables) -> Result<Value<'a>> {
        let pos = self.pos;
        let literal = match &mut self.next {
            Token::Sign('[') => {
                self.advance()?;
                let items = self.items_until(']', |parser| parser.value(variables))?;
                return Ok(Value { pos, literal: Literal::List(items) });
            }
            Token::Sign('{') => {
                self.advance()?;
                let fields = self.items_until('}', |parser| parser.argument(variables))?;
                return Ok(Value { pos, literal: Literal::Object(fields) });
            }
            Token::Sign('$') if variables == Variables::Allowed => {
                self.advance()?;
                return Ok(Value { pos, literal: Literal::Variable(self.name()?) });
            }
            Token::Sign('$') => return Err(self.unexpected("a value without variables")),
            Token::Sign(_) | Token::Dots | Token::End => return Err(self.unexpected("a value")),
            Token::Int(text) => Literal::Int(text),
            Token::Float(text) => Literal::Float(text),
            Token::String(value) => Literal::String(mem::take(value)),
            Token::BlockString(value) => Literal::BlockString(mem::take(value)),
            Token::Name("true") => Literal::Boolean(true),
            Token::Name("false") => Literal::Boolean(false),
            Token::Name("null") => Literal::Null,
            Token::Name(name) => Literal::Enum(name),
        };
        self.advance()?;
        Ok(Value { pos, literal })
    }

    /// Parses at least one item between two signs.
    fn list<T>(
        &mut self,
        open: char,
        close: char,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.sign(open)?;
        let mut items = vec![item(self)?];
        items.extend(self.items_until(close, item)?);
        Ok(items)
    }

    /// Parses at least one item between two signs, or nothing.
    fn optional_list<T>(
        &mut self,
        open: char,
        close: char,
        item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        match self.next == Token::Sign(open) {
            true => self.list(open, close, item),
            false => Ok(Vec::new()),
        }
    }

    /// Parses items until the sign that closes them, after the one that opens them.
    fn items_until<T>(
        &mut self,
        close: char,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut items = Vec::new();
        while !self.skip_sign(close)? {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn name(&mut self) -> Result<&'a str> {
        match self.next {
            Token::Name(name) => {
                self.advance()?;
                Ok(name)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    fn sign(&mut self, sign: char) -> Result<()> {
        match self.skip_sign(sign)? {
            true => Ok(()),
            false => Err(self.unexpected(&format!("\"{sign}\""))),
        }
    }

    fn skip_sign(&mut self, sign: char) -> Result<bool> {
        let is_next = self.next == Token::Sign(sign);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    /// Takes the next token.
    fn advance(&mut self) -> Result<()> {
        (self.pos, self.next) = self.lexer.next()?;
        Ok(())
    }

    fn unexpected(&self, wanted: &str) -> SyntaxError {
        let found = self.next.describe();
        SyntaxError::new(self.pos, format!("There is {found} where {wanted} is expected."))
    }
}

/// Whether a value may have variables in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Variables {
    Allowed,
    Forbidden,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_and_fragments_are_read_in_order() {
        let text = r#""said" query A("said" $a: [Int!]! = [1] @b, $c: Int) @d { e: f(g: $a) { ...H } }
            { ... on I @j(k: 1.5) { l } ... { m } ...n @o }
            """said""" fragment H on P @q { r }"#;
        let document = parse(text).unwrap();
        assert_eq!(document.operations.len(), 2);
        assert_eq!(document.fragments.len(), 1);
        let first = &document.operations[0];
        assert_eq!((first.name, first.variables.len()), (Some("A"), 2));
        assert_eq!(first.variables[0].of.to_string(), "[Int!]!");
        assert_eq!((document.fragments[0].name, document.fragments[0].on), ("H", "P"));
    }

    #[test]
    fn all_values_of_a_field_are_kept() {
        let document = parse("{ a(b: { c: 1, c: 2 }, b: [X, null, true, {}]) }").unwrap();
        let Selection::Field(field) = &document.operations[0].selections[0] else { panic!() };
        assert_eq!(field.arguments.len(), 2);
        let Literal::Object(fields) = &field.arguments[0].value.literal else { panic!() };
        assert_eq!(fields.len(), 2);
    }

    #[test]
    fn other_texts_are_refused() {
        for wrong in [
            "",
            "# only a comment",
            "{}",
            "{ a() }",
            "{ a { } }",
            "{ a",
            "{ a } }",
            "query () { a }",
            "query ($a) { a }",
            "query ($a: Int = $b) { a }",
            "query ($a: Int @b(c: $d)) { a }",
            "\"said\" { a }",
            "fragment on on A { b }",
            "fragment A { b }",
            "{ ...on }",
            "{ a: }",
            "{ a(b: ) }",
            "{ a(b c: 1) }",
            "{ a(b: 1 2) }",
            "{ a(1: b) }",
            "{ a @ b: c }",
            "type A { b: C }",
            "extend type A { b: C }",
            "query A, B { c }",
            "{ \"a\" }",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_refusal_says_where_and_why() {
        let error = parse("{\n  a(b: }").unwrap_err();
        assert_eq!(error.pos, Pos { line: 2, column: 8 });
        assert_eq!(error.message, "There is \"}\" where a value is expected.");
    }
}
