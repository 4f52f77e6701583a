//! A problem with one field of an input.

/// A problem with one field of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's or argument's name, without the `input` around it.
    pub field: String,
    /// One sentence to show beside it.
    pub message: String,
}

impl FieldProblem {
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}
