//! The list of operations that may run, if the operator sets one.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
    fs,
    path::Path,
    str::FromStr,
    sync::Arc,
};

use anyhow::{Context, Result, anyhow, bail};
use sha2::{Digest, Sha256};

/// All operations, or only those on a list.
#[derive(Clone, Debug, Default)]
pub struct AllowedOperations(Option<Arc<List>>);

#[derive(Debug, Default)]
struct List {
    texts: HashSet<Arc<str>>,
    by_hash: HashMap<String, Arc<str>>,
}

impl AllowedOperations {
    /// Whether there is a list.
    pub fn are_listed(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a document with this text may run.
    pub(super) fn contain(&self, text: &str) -> bool {
        self.0.as_ref().is_none_or(|list| list.texts.contains(text))
    }

    /// The listed text with this SHA-256, in lower-case hexadecimal digits.
    pub(crate) fn find(&self, hash: &str) -> Option<&str> {
        self.0.as_ref()?.by_hash.get(hash).map(AsRef::as_ref)
    }
}

/// Reads the files with these names, separated by commas. Without a file, all operations are
/// allowed.
impl FromStr for AllowedOperations {
    type Err = anyhow::Error;

    fn from_str(files: &str) -> Result<Self> {
        let mut list = None;
        for file in files.split(',').map(str::trim).filter(|file| !file.is_empty()) {
            let list = list.get_or_insert_with(List::default);
            // In one line, because only the outermost error is shown.
            list.add(Path::new(file)).map_err(|error| anyhow!("{file}: {error:#}"))?;
        }
        Ok(Self(list.map(Arc::new)))
    }
}

impl List {
    fn add(&mut self, file: &Path) -> Result<()> {
        let json = fs::read(file).context("the file can't be read")?;
        let listed: HashMap<String, String> = serde_json::from_slice(&json)
            .context("it is not a JSON object of documents by their SHA-256")?;
        if listed.is_empty() {
            bail!("it lists no operation");
        }
        for (hash, text) in listed {
            if hash != sha256_hex(&text) {
                bail!("{hash} is not the SHA-256 of its document, in lower-case digits");
            }
            let text: Arc<str> = text.into();
            self.texts.insert(Arc::clone(&text));
            self.by_hash.insert(hash, text);
        }
        Ok(())
    }
}

/// The hash by which clients name a document, in lower-case hexadecimal digits.
pub(crate) fn sha256_hex(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        // Writing to a string succeeds.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38";

    fn list(folder: &tempfile::TempDir, name: &str, content: &str) -> String {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        file.display().to_string()
    }

    #[test]
    fn without_a_list_all_operations_may_run() {
        for none in ["", " ", ","] {
            let all: AllowedOperations = none.parse().unwrap();
            assert!(all.contain("{ __typename }") && !all.are_listed());
            assert_eq!(all.find(HASH), None);
        }
    }

    #[test]
    fn lists_add_up_and_nothing_else_may_run() {
        let folder = tempfile::tempdir().unwrap();
        let other = format!(r#"{{ "{}": "{{ me }}" }}"#, sha256_hex("{ me }"));
        let files = [
            list(&folder, "one", &format!(r#"{{ "{HASH}": "{{__typename}}" }}"#)),
            list(&folder, "two", &other),
        ];
        let allowed: AllowedOperations = files.join(", ").parse().unwrap();
        assert!(allowed.are_listed());
        assert!(allowed.contain("{__typename}") && allowed.contain("{ me }"));
        assert!(!allowed.contain("{ __typename }"));
        assert_eq!(allowed.find(HASH), Some("{__typename}"));
    }

    #[test]
    fn a_wrong_list_is_explained() {
        let folder = tempfile::tempdir().unwrap();
        for (content, wrong) in [
            ("[]", "not a JSON object"),
            ("{}", "no operation"),
            (r#"{ "abc": "{ me }" }"#, "not the SHA-256"),
        ] {
            let file = list(&folder, "bad.json", content);
            let error = format!("{}", file.parse::<AllowedOperations>().unwrap_err());
            assert!(error.contains(wrong) && error.contains("bad.json"), "{error}");
        }
        assert!("no/such/file".parse::<AllowedOperations>().is_err());
    }
}
