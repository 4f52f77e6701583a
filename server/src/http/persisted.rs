//! Automatic persisted queries, as Apollo's clients send them: a query's hash instead of its text, once the
//! text was sent along. <https://www.apollographql.com/docs/apollo-server/performance/apq>

use quick_cache::{Weighter, sync::Cache};
use serde::Deserialize;

use crate::graphql::{
    errors::ApiError,
    execution::{AllowedOperations, sha256_hex},
};

/// Texts kept, at most.
const MOST_QUERIES: usize = 1_000;
/// Their bytes together, at most.
const MOST_TEXT: u64 = 1_000_000;

/// What a request says of it in its `extensions`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PersistedQuery {
    sha256_hash: String,
}

/// The texts by their hashes; those that were not asked for in a long time make room for others. Each server
/// keeps its own: a client that is told of a hash that nobody knows sends the text.
#[derive(Debug)]
pub(super) struct PersistedQueries(Cache<String, String, ByText>);

#[derive(Clone, Debug)]
struct ByText;

impl Weighter<String, String> for ByText {
    fn weight(&self, hash: &String, text: &String) -> u64 {
        (hash.len() + text.len()) as u64
    }
}

impl PersistedQueries {
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(MOST_QUERIES, MOST_TEXT, ByText))
    }

    /// The text that a request means. Where operations are listed, their hashes are known, and no others.
    ///
    /// # Errors
    /// When it has neither a text nor a known hash, or both do not fit together.
    pub(super) fn resolve(
        &self,
        text: Option<String>,
        persisted: Option<PersistedQuery>,
        allowed: &AllowedOperations,
    ) -> Result<String, ApiError> {
        match (text.filter(|text| !text.is_empty()), persisted) {
            (Some(text), None) => Ok(text),
            (Some(text), Some(PersistedQuery { sha256_hash })) => {
                if !sha256_hash.eq_ignore_ascii_case(&sha256_hex(&text)) {
                    let message = "sha256Hash is not the hash of the query.";
                    return Err(ApiError::field("extensions", message));
                }
                if !allowed.are_listed() {
                    self.0.insert(sha256_hash.to_ascii_lowercase(), text.clone());
                }
                Ok(text)
            }
            (None, Some(PersistedQuery { sha256_hash })) => {
                let hash = sha256_hash.to_ascii_lowercase();
                let listed = allowed.find(&hash).map(str::to_owned);
                listed.or_else(|| self.0.get(&hash)).ok_or(ApiError::PersistedQueryNotFound)
            }
            (None, None) => Err(ApiError::field("query", "There is no query.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hash: &str) -> Option<PersistedQuery> {
        Some(PersistedQuery { sha256_hash: hash.to_owned() })
    }

    #[test]
    fn a_text_is_known_by_its_hash_once_it_was_sent() {
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
    }

    #[test]
    fn no_flood_of_texts_fills_the_memory() {
        let (queries, all) = (PersistedQueries::new(), AllowedOperations::default());
        for number in 0..3_000 {
            let text = format!("# {number} {}", "x".repeat(1_000));
            let persisted = of(&sha256_hex(&text));
            queries.resolve(Some(text), persisted, &all).unwrap();
        }
        assert!(queries.0.weight() <= MOST_TEXT);
    }
}
