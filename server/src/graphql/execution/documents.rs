//! Parsed queries, kept by their text: parsing takes longer than all else that a small request needs, and
//! clients send the same few texts over and over.
//!
//! A text means the same document whenever it is parsed, so what is kept here is never wrong.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_graphql::{
    ServerResult,
    parser::{parse_query, types::ExecutableDocument},
};
use quick_cache::{Weighter, sync::Cache};

use super::AllowedOperations;
use super::{
    api::{refusal, with_field},
    known_valid::has_plain_arguments,
    query_size::QuerySize,
};
use crate::graphql::errors::ApiError;

/// Documents kept, at most.
const MOST_DOCUMENTS: usize = 1_000;
/// Bytes of their texts together, at most. A document takes some twenty times as much.
const MOST_TEXT: u64 = 1_000_000;

const NOT_LISTED: &str = "This server runs only the operations that its operator listed.";

/// A query that was parsed and measured.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) parsed: ExecutableDocument,
    pub(crate) size: QuerySize,
    pub(crate) has_plain_arguments: bool,
    is_valid: AtomicBool,
}

impl Document {
    fn new(parsed: ExecutableDocument) -> Self {
        Self {
            size: QuerySize::of(&parsed),
            has_plain_arguments: has_plain_arguments(&parsed),
            is_valid: AtomicBool::new(false),
            parsed,
        }
    }

    /// Whether it was found valid before.
    pub(crate) fn is_known_to_be_valid(&self) -> bool {
        self.is_valid.load(Ordering::Relaxed)
    }

    pub(crate) fn was_found_valid(&self) {
        self.is_valid.store(true, Ordering::Relaxed);
    }
}

/// Documents by their texts; those that were not asked for in a long time make room for others.
#[derive(Debug)]
pub(crate) struct Documents {
    allowed: AllowedOperations,
    known: Cache<String, Arc<Document>, ByText>,
}

#[derive(Clone, Debug)]
struct ByText;

impl Weighter<String, Arc<Document>> for ByText {
    fn weight(&self, text: &String, _: &Arc<Document>) -> u64 {
        text.len() as u64
    }
}

impl Documents {
    /// Of texts that may run; others are not even parsed.
    pub(crate) fn new(allowed: AllowedOperations) -> Self {
        Self { allowed, known: Cache::with_weighter(MOST_DOCUMENTS, MOST_TEXT, ByText) }
    }

    pub(crate) fn allowed(&self) -> &AllowedOperations {
        &self.allowed
    }

    /// The document that `text` is.
    ///
    /// # Errors
    /// What is wrong with the text. Errors are not kept.
    pub(crate) fn parse(&self, text: &str) -> ServerResult<Arc<Document>> {
        if let Some(known) = self.known.get(text) {
            return Ok(known);
        }
        if !self.allowed.contain(text) {
            return Err(refusal(ApiError::Forbidden(NOT_LISTED)));
        }
        let parsed =
            parse_query(text).map_err(|error| with_field(error.into(), "query".to_owned()))?;
        let document = Arc::new(Document::new(parsed));
        self.known.insert(text.to_owned(), Arc::clone(&document));
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_parsed_once() {
        let documents = Documents::new(AllowedOperations::default());
        let first = documents.parse("{ __typename }").unwrap();
        assert!(Arc::ptr_eq(&first, &documents.parse("{ __typename }").unwrap()));
        assert_eq!(first.size.selections, 1);
        documents.parse("{ __typename").unwrap_err();
    }

    #[test]
    fn no_flood_of_texts_fills_the_memory() {
        let documents = Documents::new(AllowedOperations::default());
        for number in 0..2_000 {
            let comment = "x".repeat(1_000);
            documents.parse(&format!("{{ a{number}: __typename }} # {comment}")).unwrap();
        }
        assert!(documents.known.weight() <= MOST_TEXT);
    }
}
