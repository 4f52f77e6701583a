//! Automatic persisted queries, as Apollo's clients send them: a query's hash stands for its text,
//! once a client has sent both together.
//! <https://www.apollographql.com/docs/apollo-server/performance/apq>

use quick_cache::{Weighter, sync::Cache};
use serde::Deserialize;

use crate::graphql::{AllowedOperations, ApiError, sha256_hex};

/// The version of the protocol.
const VERSION: u64 = 1;
/// Maximum number of texts in the cache.
const MAX_QUERIES: usize = 1_000;
/// Maximum size of all texts together, in bytes.
const MAX_TEXT_BYTES: u64 = 1_000_000;

/// The `persistedQuery` in a request's `extensions`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(super) struct PersistedQuery {
    /// Some clients leave it out.
    version: Option<u64>,
    sha256_hash: String,
}

/// Texts by their hashes. The least used ones make room for new ones. Each server has a cache of
/// its own: if it does not know a hash, the client sends the text.
#[derive(Debug)]
pub(super) struct PersistedQueries(Cache<String, String, SizeInBytes>);

#[derive(Clone, Debug)]
struct SizeInBytes;

impl Weighter<String, String> for SizeInBytes {
    fn weight(&self, hash: &String, text: &String) -> u64 {
        (hash.len() + text.len()) as u64
    }
}

impl PersistedQueries {
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(MAX_QUERIES, MAX_TEXT_BYTES, SizeInBytes))
    }

    /// Finds the text that a request stands for. If the operator lists operations, only their
    /// hashes are known.
    ///
    /// # Errors
    /// When there is neither a text nor a known hash, or when the hash is not the text's.
    pub(super) fn resolve(
        &self,
        text: Option<String>,
        persisted: Option<PersistedQuery>,
        allowed: &AllowedOperations,
    ) -> Result<String, ApiError> {
        if let Some(version) = persisted.as_ref().and_then(|query| query.version)
            && version != VERSION
        {
            let message = format!("persistedQuery has version {version}: send version {VERSION}.");
            return Err(ApiError::field("extensions", message));
        }
        match (text.filter(|text| !text.is_empty()), persisted) {
            (Some(text), None) => Ok(text),
            (Some(text), Some(PersistedQuery { sha256_hash, .. })) => {
                if !sha256_hash.eq_ignore_ascii_case(&sha256_hex(&text)) {
                    let message = "sha256Hash is not the hash of the query.";
                    return Err(ApiError::field("extensions", message));
                }
                if !allowed.are_listed() {
                    self.0.insert(sha256_hash.to_ascii_lowercase(), text.clone());
                }
                Ok(text)
            }
            (None, Some(PersistedQuery { sha256_hash, .. })) => {
                let hash = sha256_hash.to_ascii_lowercase();
                let listed = allowed.find(&hash).map(str::to_owned);
                listed.or_else(|| self.0.get(&hash)).ok_or(ApiError::PersistedQueryNotFound)
            }
            (None, None) => Err(ApiError::field("query", "The request has no query.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hash: &str) -> Option<PersistedQuery> {
        Some(PersistedQuery { version: Some(VERSION), sha256_hash: hash.to_owned() })
    }

    #[test]
    fn a_hash_stands_for_its_text_once_both_were_sent() {
        let (queries, all) = (PersistedQueries::new(), AllowedOperations::default());
        let resolve = |text, hash| queries.resolve(text, hash, &all);
        let text = "{__typename}";
        let hash = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38";
        let unknown = resolve(None, of(hash));
        assert!(matches!(unknown, Err(ApiError::PersistedQueryNotFound)));
        assert!(resolve(Some(text.to_owned()), of(&hash.replace('e', "f"))).is_err());
        assert_eq!(resolve(Some(text.to_owned()), of(hash)).unwrap(), text);
        assert_eq!(resolve(None, of(&hash.to_uppercase())).unwrap(), text);
        assert!(resolve(None, None).is_err());
        let later = PersistedQuery { version: Some(2), sha256_hash: hash.to_owned() };
        assert!(matches!(resolve(None, Some(later)), Err(ApiError::BadUserInput(_))));
    }

    #[test]
    fn a_flood_of_texts_does_not_fill_the_memory() {
        let (queries, all) = (PersistedQueries::new(), AllowedOperations::default());
        for number in 0..3_000 {
            let text = format!("# {number} {}", "x".repeat(1_000));
            let persisted = of(&sha256_hex(&text));
            queries.resolve(Some(text), persisted, &all).unwrap();
        }
        assert!(queries.0.weight() <= MAX_TEXT_BYTES);
    }
}
