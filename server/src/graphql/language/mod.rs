//! Reads documents as the GraphQL specification has them.
//! <https://spec.graphql.org/September2025/#sec-Language>
//!
//! async-graphql's own parser keeps one of several values of an input field, and knows neither
//! surrogate pairs nor `\u{…}` in strings. Everything that validation needs is still in this tree:
//! duplicates, the order of definitions, and numbers as they were written. [`executable`] then turns
//! it into the tree that async-graphql executes.

pub(in crate::graphql) mod ast;
pub(in crate::graphql) mod executable;
mod lexer;
mod parser;
mod size;
mod strings;
mod syntax_error;

pub(in crate::graphql) use parser::parse;
pub(in crate::graphql) use size::{TooLarge, check_size};
pub(in crate::graphql) use syntax_error::SyntaxError;
