//! A document while it is checked, and what was found wrong with it.

use std::collections::HashMap;

use async_graphql::Pos;

use super::schema::Schema;
use crate::graphql::language::ast::{Document, Fragment};

/// Largest number of problems that are reported. Nobody reads more.
pub(in crate::graphql) const MAX_PROBLEMS: usize = 20;

/// A reason why a document is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::graphql) struct Problem {
    pub(in crate::graphql) pos: Pos,
    /// The argument, the variable or the input field that it is about.
    pub(in crate::graphql) argument: Option<String>,
    /// A sentence or two.
    pub(in crate::graphql) message: String,
}

/// How much of the schema messages may tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum Disclosure {
    /// They name types, and suggest names that exist.
    Schema,
    /// They name nothing that the document does not name. Introspection is not valid.
    Nothing,
}

/// A document that is being checked.
pub(super) struct Check<'a> {
    pub(super) schema: &'a Schema,
    pub(super) document: &'a Document<'a>,
    /// The first fragment of each name.
    pub(super) fragments: HashMap<&'a str, &'a Fragment<'a>>,
    pub(super) disclosure: Disclosure,
    problems: Vec<Problem>,
}

impl<'a> Check<'a> {
    pub(super) fn new(
        schema: &'a Schema,
        document: &'a Document<'a>,
        disclosure: Disclosure,
    ) -> Self {
        let mut fragments = HashMap::new();
        for fragment in &document.fragments {
            fragments.entry(fragment.name).or_insert(fragment);
        }
        Self { schema, document, fragments, disclosure, problems: Vec::new() }
    }

    pub(super) fn finish(self) -> Result<(), Vec<Problem>> {
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(self.problems),
        }
    }

    pub(super) fn refuse(&mut self, pos: Pos, message: impl Into<String>) {
        self.add(Problem { pos, argument: None, message: message.into() });
    }

    /// Refuses an argument, a variable or an input field.
    pub(super) fn refuse_argument(&mut self, pos: Pos, name: &str, message: impl Into<String>) {
        self.add(Problem { pos, argument: Some(name.to_owned()), message: message.into() });
    }

    fn add(&mut self, problem: Problem) {
        if !self.is_full() {
            self.problems.push(problem);
        }
    }

    /// Whether nothing more will be reported. Finding names to suggest takes time.
    pub(super) fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    /// A text about the schema, if messages may tell it.
    pub(super) fn disclose(&self, text: impl FnOnce() -> String) -> String {
        match self.disclosure {
            Disclosure::Schema => text(),
            Disclosure::Nothing => String::new(),
        }
    }
}
