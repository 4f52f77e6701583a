//! Parses and validates queries, and refuses those that are too large. Remembers both by their
//! texts: parsing takes longer than everything else that a small request needs, and clients send
//! the same few texts over and over.
//!
//! A text always means the same document, so what is remembered is never wrong.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_graphql::{ServerError, ServerResult};
use quick_cache::{Weighter, sync::Cache};

use super::{
    coded_errors::{RequestErrors, coded, invalid},
    introspection_size::Introspection,
    operations::Operations,
    query_size::QuerySize,
};
use crate::graphql::{
    allowed_operations::AllowedOperations,
    errors::ApiError,
    language::{self, SyntaxError, TooLarge, check_size, executable::executable},
    validation::{self, Disclosure, schema::Schema},
};

/// Maximum depth that async-graphql accepts, fragments included.
const MAX_RECURSION: usize = 32;
/// Maximum number of texts that are remembered.
const MAX_REMEMBERED: usize = 1_000;
/// Maximum memory that they take together, in bytes.
const MAX_REMEMBERED_BYTES: u64 = 16 << 20;

/// Larger texts are not remembered, so that a few of them do not push out all others. In bytes.
const MAX_REMEMBERED_TEXT_BYTES: u64 = 1 << 20;

const NOT_LISTED: &str = "This server runs only the operations on its operator's list.";

/// A valid query.
#[derive(Debug)]
pub(crate) struct Document {
    pub(super) operations: Operations,
    /// The memory that they take, in bytes.
    pub(super) bytes: usize,
    has_large_answers: AtomicBool,
}

impl Document {
    fn new(operations: Operations) -> Self {
        Self { bytes: operations.bytes(), operations, has_large_answers: AtomicBool::new(false) }
    }

    /// Whether an answer was so large that its cost counts.
    pub(super) fn has_large_answers(&self) -> bool {
        self.has_large_answers.load(Ordering::Relaxed)
    }

    pub(super) fn set_has_large_answers(&self) {
        self.has_large_answers.store(true, Ordering::Relaxed);
    }

    /// Whether some operation of the document declares this variable. Nothing can refer to others.
    pub(crate) fn declares(&self, variable: &str) -> bool {
        self.operations.declare(variable)
    }
}

/// A document, or the reasons why its text is refused.
pub(super) type Parsed = Result<Arc<Document>, RequestErrors>;

/// The limits of a query that depend on nothing but its text.
#[derive(Debug)]
pub(super) struct TextLimits {
    pub(super) max_tokens: usize,
    pub(super) max_selections: usize,
    /// `None` if nobody may see the schema.
    pub(super) introspection: Option<Introspection>,
}

/// Documents and refusals by their texts. The least used ones make room for new ones.
#[derive(Debug)]
pub(super) struct Documents {
    allowed: AllowedOperations,
    limits: TextLimits,
    schema: Arc<Schema>,
    remembered: Cache<String, Parsed, SizeInBytes>,
}

#[derive(Clone, Debug)]
struct SizeInBytes;

impl Weighter<String, Parsed> for SizeInBytes {
    fn weight(&self, text: &String, parsed: &Parsed) -> u64 {
        let parsed = match parsed {
            Ok(document) => document.bytes + size_of::<Document>(),
            Err(errors) => errors.bytes(),
        };
        (text.len() + parsed) as u64
    }
}

impl Documents {
    /// Texts that are not allowed are not even parsed.
    pub(super) fn new(allowed: AllowedOperations, limits: TextLimits, schema: Arc<Schema>) -> Self {
        let remembered = Cache::with_weighter(MAX_REMEMBERED, MAX_REMEMBERED_BYTES, SizeInBytes);
        Self { allowed, limits, schema, remembered }
    }

    pub(super) fn allowed(&self) -> &AllowedOperations {
        &self.allowed
    }

    /// Finds what is remembered of a text.
    pub(super) fn find(&self, text: &str) -> Option<Parsed> {
        self.remembered.get(text)
    }

    /// Parses a text, and remembers the result. This may take some milliseconds.
    ///
    /// # Errors
    /// When the text is not allowed, can't be parsed, is too large or is not valid.
    pub(super) fn parse(&self, text: &str) -> Parsed {
        // These checks take less time than to remember their results.
        self.check_text(text)?;
        let parsed = self.parse_anew(text).map(Arc::new);
        let text = text.to_owned();
        if SizeInBytes.weight(&text, &parsed) <= MAX_REMEMBERED_TEXT_BYTES {
            self.remembered.insert(text, parsed.clone());
        }
        parsed
    }

    fn check_text(&self, text: &str) -> ServerResult<()> {
        if !self.allowed.contain(text) {
            return Err(coded(ApiError::Forbidden(NOT_LISTED)));
        }
        let max = self.limits.max_tokens;
        check_size(text, max).map_err(|too_large| {
            too_complex(match too_large {
                TooLarge::Tokens => {
                    format!("The query has more than {max} words and signs. Ask for less at once.")
                }
                TooLarge::Nesting => "The query is nested too deep.".to_owned(),
            })
        })
    }

    fn parse_anew(&self, text: &str) -> Result<Document, RequestErrors> {
        let (schema, disclosure) = (&*self.schema, self.disclosure());
        let document = language::parse(text)
            .map_err(|SyntaxError { pos, message }| invalid(pos, "query".to_owned(), message))?;
        validation::check_selections(schema, &document, disclosure)?;
        let size = QuerySize::of(&document);
        if size.selections > self.limits.max_selections || size.depth > MAX_RECURSION {
            return Err(too_complex(
                "The query is too large with its fragments written out. Ask for less at once."
                    .to_owned(),
            )
            .into());
        }
        validation::check_uses(schema, &document, disclosure)?;
        let parsed = executable(&document);
        let introspection = self.limits.introspection.as_ref();
        if introspection.is_some_and(|schema| schema.is_too_large(&parsed)) {
            return Err(too_complex(
                "The query asks for too much of the schema. Ask for less at once.".to_owned(),
            )
            .into());
        }
        Ok(Document::new(Operations::of(schema, parsed)?))
    }

    /// How much of the schema messages may tell.
    pub(super) fn disclosure(&self) -> Disclosure {
        match self.limits.introspection {
            Some(_) => Disclosure::Schema,
            None => Disclosure::Nothing,
        }
    }
}

pub(super) fn too_complex(message: String) -> ServerError {
    coded(ApiError::TooComplex(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents() -> Documents {
        let limits = TextLimits { max_tokens: 1_000, max_selections: 900, introspection: None };
        let schema = Arc::new(Schema::of_server());
        Documents::new(AllowedOperations::default(), limits, schema)
    }

    #[test]
    fn a_text_is_parsed_once() {
        let documents = documents();
        let first = documents.parse("{ __typename }").unwrap();
        assert!(Arc::ptr_eq(&first, &documents.find("{ __typename }").unwrap().unwrap()));
        documents.parse("{ __typename").unwrap_err();
        documents.find("{ __typename").unwrap().unwrap_err();
        assert!(documents.find("{ a }").is_none());
    }

    #[test]
    fn a_flood_of_texts_does_not_fill_the_memory() {
        let documents = documents();
        for number in 0..1_100 {
            let fields = "__typename ".repeat(400);
            documents.parse(&format!("{{ a{number}: __typename {fields} }}")).unwrap();
            documents.parse(&format!("{{ a{number}: {}", "x".repeat(60_000))).unwrap_err();
        }
        assert!(documents.remembered.weight() <= MAX_REMEMBERED_BYTES);
        assert!(documents.remembered.len() < MAX_REMEMBERED);
    }
}
