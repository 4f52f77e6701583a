//! The files of covers, and their names.

use std::{fmt, str::FromStr, sync::OnceLock};

use rowlock_entities::cover::Hash;
use uuid::Uuid;

use crate::limits::{HeldBytes, Hold, HoldsTooMuch};

/// The name of one size of a cover, such as `0123456789abcdef0123456789abcdef-800.jpg`. What it names
/// never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileName {
    pub(crate) hash: Hash,
    /// In pixels.
    pub(crate) width: i32,
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.jpg", self.hash.0.simple(), self.width)
    }
}

/// The text is not the name of a cover's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoFileName;

impl FromStr for FileName {
    type Err = NoFileName;

    /// A file has one name only, so other forms of numbers are none.
    fn from_str(name: &str) -> Result<Self, NoFileName> {
        let parts = || {
            let (hash, width) = name.strip_suffix(".jpg")?.split_once('-')?;
            let hash = rowlock_entities::cover::Hash(Uuid::try_parse(hash).ok()?);
            Some(Self { hash, width: width.parse().ok()? })
        };
        parts().filter(|parsed| parsed.to_string() == name).ok_or(NoFileName)
    }
}

/// One size of a cover, which all clients share that load it.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) jpeg: Vec<u8>,
    /// Set by the first client.
    hold: OnceLock<Hold>,
}

impl File {
    pub(super) fn new(jpeg: Vec<u8>) -> Self {
        Self { jpeg, hold: OnceLock::new() }
    }

    /// Counts the file for a client, unless another one has brought it here. So a crowd behind one
    /// address is not counted for each picture that all of them see, and nobody fills the memory by
    /// asking for many and reading none.
    ///
    /// # Errors
    /// When the client holds too much.
    pub(crate) fn count_once(&self, account: &HeldBytes) -> Result<(), HoldsTooMuch> {
        if self.hold.get().is_none() {
            // Of two clients that come at once, the second one is not counted.
            let _ = self.hold.set(account.hold(self.jpeg.len())?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_counted_once_until_nobody_has_it() {
        let (account, file) = (HeldBytes::new(10), File::new(vec![0; 6]));
        let other = File::new(vec![0; 6]);
        for _ in 0..3 {
            file.count_once(&account).unwrap();
        }
        other.count_once(&account).unwrap_err();
        drop(file);
        other.count_once(&account).unwrap();
        assert!(account.hold(5).is_err());
    }

    #[test]
    fn a_file_has_one_name() {
        let hash = "0123456789abcdef0123456789abcdef";
        let name = format!("{hash}-800.jpg");
        assert_eq!(name.parse::<FileName>().unwrap().to_string(), name);
        for other in [
            format!("{hash}-0800.jpg"),
            format!("{hash}-+800.jpg"),
            format!("{hash}-800.png"),
            format!("{hash}.jpg"),
            format!("{}-800.jpg", hash.to_uppercase()),
            "01234567-89ab-cdef-0123-456789abcdef-800.jpg".to_owned(),
            format!("{hash}-99999999999.jpg"),
            String::new(),
        ] {
            assert_eq!(other.parse::<FileName>(), Err(NoFileName), "{other}");
        }
    }
}
