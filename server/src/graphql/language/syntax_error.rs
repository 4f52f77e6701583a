//! The error for a text that is not a document.

use async_graphql::Pos;

/// The reason why a text is not a GraphQL document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::graphql) struct SyntaxError {
    pub(in crate::graphql) pos: Pos,
    /// A sentence.
    pub(in crate::graphql) message: String,
}

impl SyntaxError {
    pub(super) fn new(pos: Pos, message: impl Into<String>) -> Self {
        Self { pos, message: message.into() }
    }
}
