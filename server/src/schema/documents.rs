//! Parsed queries, kept by their text: parsing takes longer than all else that a small request needs, and
//! clients send the same few texts over and over.
//!
//! A text means the same document whenever it is parsed, so what is kept here is never wrong.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_graphql::parser::{self, parse_query, types::ExecutableDocument};
use quick_cache::{Weighter, sync::Cache};

use super::{query_size::QuerySize, validity::has_plain_arguments};

/// Documents kept, at most.
const MOST_DOCUMENTS: usize = 1_000;
/// Bytes of their texts together, at most. A document takes some twenty times as much.
const MOST_TEXT: u64 = 1_000_000;

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

/// The cache; those that were not asked for in a long time make room for others.
#[derive(Debug)]
pub(crate) struct Documents(Cache<String, Arc<Document>, ByText>);

#[derive(Clone, Debug)]
struct ByText;

impl Weighter<String, Arc<Document>> for ByText {
    fn weight(&self, text: &String, _: &Arc<Document>) -> u64 {
        text.len() as u64
    }
}

impl Documents {
    pub(crate) fn new() -> Self {
        Self(Cache::with_weighter(MOST_DOCUMENTS, MOST_TEXT, ByText))
    }

    /// The document that `text` is.
    ///
    /// # Errors
    /// What is wrong with the text. Errors are not kept.
    pub(crate) fn parse(&self, text: &str) -> parser::Result<Arc<Document>> {
        if let Some(known) = self.0.get(text) {
            return Ok(known);
        }
        let document = Arc::new(Document::new(parse_query(text)?));
        self.0.insert(text.to_owned(), Arc::clone(&document));
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_parsed_once() {
        let documents = Documents::new();
        let first = documents.parse("{ __typename }").unwrap();
        assert!(Arc::ptr_eq(&first, &documents.parse("{ __typename }").unwrap()));
        assert_eq!(first.size.selections, 1);
        documents.parse("{ __typename").unwrap_err();
    }

    #[test]
    fn no_flood_of_texts_fills_the_memory() {
        let documents = Documents::new();
        for number in 0..2_000 {
            let comment = "x".repeat(1_000);
            documents.parse(&format!("{{ a{number}: __typename }} # {comment}")).unwrap();
        }
        assert!(documents.0.weight() <= MOST_TEXT);
    }
}
