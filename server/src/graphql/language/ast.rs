//! The tree of a document, as it was written. Names are parts of the text.

use async_graphql::{
    Pos,
    parser::types::{OperationType, Type},
};

/// A document that can be executed. Definitions are in the order of the text, and may have the same
/// names.
#[derive(Debug, Default)]
pub(in crate::graphql) struct Document<'a> {
    pub(in crate::graphql) operations: Vec<Operation<'a>>,
    pub(in crate::graphql) fragments: Vec<Fragment<'a>>,
}

#[derive(Debug)]
pub(in crate::graphql) struct Operation<'a> {
    pub(in crate::graphql) pos: Pos,
    pub(in crate::graphql) kind: OperationType,
    pub(in crate::graphql) name: Option<&'a str>,
    pub(in crate::graphql) variables: Vec<Variable<'a>>,
    pub(in crate::graphql) directives: Vec<Directive<'a>>,
    pub(in crate::graphql) selections: Vec<Selection<'a>>,
}

#[derive(Debug)]
pub(in crate::graphql) struct Variable<'a> {
    pub(in crate::graphql) pos: Pos,
    pub(in crate::graphql) name: &'a str,
    pub(in crate::graphql) of: Type,
    pub(in crate::graphql) default: Option<Value<'a>>,
    pub(in crate::graphql) directives: Vec<Directive<'a>>,
}

#[derive(Debug)]
pub(in crate::graphql) struct Fragment<'a> {
    pub(in crate::graphql) pos: Pos,
    pub(in crate::graphql) name: &'a str,
    /// The type whose fields it selects.
    pub(in crate::graphql) on: &'a str,
    pub(in crate::graphql) directives: Vec<Directive<'a>>,
    pub(in crate::graphql) selections: Vec<Selection<'a>>,
}

#[derive(Debug)]
pub(in crate::graphql) enum Selection<'a> {
    Field(Field<'a>),
    Spread(Spread<'a>),
    Inline(Inline<'a>),
}

#[derive(Debug)]
pub(in crate::graphql) struct Field<'a> {
    pub(in crate::graphql) pos: Pos,
    pub(in crate::graphql) alias: Option<&'a str>,
    pub(in crate::graphql) name: &'a str,
    pub(in crate::graphql) arguments: Vec<Argument<'a>>,
    pub(in crate::graphql) directives: Vec<Directive<'a>>,
    /// Empty if none are written.
    pub(in crate::graphql) selections: Vec<Selection<'a>>,
}

impl<'a> Field<'a> {
    /// The field's name in the answer.
    pub(in crate::graphql) fn response_key(&self) -> &'a str {
        self.alias.unwrap_or(self.name)
    }
}

/// A use of a named fragment.
#[derive(Debug)]
pub(in crate::graphql) struct Spread<'a> {
    pub(in crate::graphql) pos: Pos,
    pub(in crate::graphql) name: &'a str,
    pub(in crate::graphql) directives: Vec<Directive<'a>>,
}

/// A fragment where it is used.
#[derive(Debug)]
pub(in crate::graphql) struct Inline<'a> {
    pub(in crate::graphql) pos: Pos,
    pub(in crate::graphql) on: Option<&'a str>,
    pub(in crate::graphql) directives: Vec<Directive<'a>>,
    pub(in crate::graphql) selections: Vec<Selection<'a>>,
}

#[derive(Debug)]
pub(in crate::graphql) struct Directive<'a> {
    pub(in crate::graphql) pos: Pos,
    pub(in crate::graphql) name: &'a str,
    pub(in crate::graphql) arguments: Vec<Argument<'a>>,
}

/// An argument, or a field of an input object.
#[derive(Debug, PartialEq)]
pub(in crate::graphql) struct Argument<'a> {
    pub(in crate::graphql) pos: Pos,
    pub(in crate::graphql) name: &'a str,
    pub(in crate::graphql) value: Value<'a>,
}

#[derive(Debug, PartialEq)]
pub(in crate::graphql) struct Value<'a> {
    pub(in crate::graphql) pos: Pos,
    pub(in crate::graphql) literal: Literal<'a>,
}

#[derive(Debug, PartialEq)]
pub(in crate::graphql) enum Literal<'a> {
    Variable(&'a str),
    /// A whole number, as it is written.
    Int(&'a str),
    /// A number with a fraction or an exponent, as it is written.
    Float(&'a str),
    String(String),
    /// A string that is written as a block. Validation tells the two apart.
    BlockString(String),
    Boolean(bool),
    Null,
    Enum(&'a str),
    List(Vec<Value<'a>>),
    Object(Vec<Argument<'a>>),
}
