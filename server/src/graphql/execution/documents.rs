//! Caches parsed queries by their text. Parsing takes longer than everything else that a small
//! request needs, and clients send the same few texts over and over.
//!
//! A text always means the same document, so the cache is never wrong.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_graphql::{
    ServerResult,
    parser::{parse_query, types::ExecutableDocument},
};
use quick_cache::{Weighter, sync::Cache};

use super::{
    coded_errors::{coded, field_error},
    known_valid::has_plain_arguments,
    query_size::QuerySize,
};
use crate::graphql::{allowed_operations::AllowedOperations, errors::ApiError};

/// Maximum number of documents in the cache.
const MAX_DOCUMENTS: usize = 1_000;
/// Maximum size of all their texts together, in bytes. A parsed document takes some twenty times as
/// much memory.
const MAX_TEXT_BYTES: u64 = 1_000_000;

const NOT_LISTED: &str = "This server runs only the operations on its operator's list.";

/// A parsed query with its size.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) parsed: ExecutableDocument,
    pub(super) size: QuerySize,
    pub(super) has_plain_arguments: bool,
    is_known_valid: AtomicBool,
}

impl Document {
    fn new(parsed: ExecutableDocument) -> Self {
        Self {
            size: QuerySize::of(&parsed),
            has_plain_arguments: has_plain_arguments(&parsed),
            is_known_valid: AtomicBool::new(false),
            parsed,
        }
    }

    /// Whether the document was already found valid.
    pub(super) fn is_known_valid(&self) -> bool {
        self.is_known_valid.load(Ordering::Relaxed)
    }

    pub(super) fn set_known_valid(&self) {
        self.is_known_valid.store(true, Ordering::Relaxed);
    }
}

/// Documents by their texts. The least used ones make room for new ones.
#[derive(Debug)]
pub(super) struct Documents {
    allowed: AllowedOperations,
    known: Cache<String, Arc<Document>, SizeInBytes>,
}

#[derive(Clone, Debug)]
struct SizeInBytes;

impl Weighter<String, Arc<Document>> for SizeInBytes {
    fn weight(&self, text: &String, _: &Arc<Document>) -> u64 {
        text.len() as u64
    }
}

impl Documents {
    /// Texts that are not allowed are not even parsed.
    pub(super) fn new(allowed: AllowedOperations) -> Self {
        Self { allowed, known: Cache::with_weighter(MAX_DOCUMENTS, MAX_TEXT_BYTES, SizeInBytes) }
    }

    pub(super) fn allowed(&self) -> &AllowedOperations {
        &self.allowed
    }

    /// Parses `text`, or finds it in the cache.
    ///
    /// # Errors
    /// When the text is not allowed or can't be parsed. Errors are not cached.
    pub(super) fn parse(&self, text: &str) -> ServerResult<Arc<Document>> {
        if let Some(known) = self.known.get(text) {
            return Ok(known);
        }
        if !self.allowed.contain(text) {
            return Err(coded(ApiError::Forbidden(NOT_LISTED)));
        }
        let parsed =
            parse_query(text).map_err(|error| field_error(error.into(), "query".to_owned()))?;
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
    fn a_flood_of_texts_does_not_fill_the_memory() {
        let documents = Documents::new(AllowedOperations::default());
        for number in 0..2_000 {
            let comment = "x".repeat(1_000);
            documents.parse(&format!("{{ a{number}: __typename }} # {comment}")).unwrap();
        }
        assert!(documents.known.weight() <= MAX_TEXT_BYTES);
    }
}
