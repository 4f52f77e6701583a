//! The cover of an event: as it is, and as it is to be.

use std::sync::Arc;

use rowlock_entities::{EventId, cover::Hash};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{file::FileName, picture::Size};

/// The picture of an event, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cover {
    pub(super) hash: Hash,
    /// What the picture shows, for people who don't see it.
    pub(crate) alt: String,
    /// Its widths in pixels, the smallest first. There is at least one.
    pub(crate) widths: Vec<i32>,
}

impl Cover {
    /// The path of the smallest size that is at least as wide, or of the largest one.
    pub(crate) fn path(&self, width: i32) -> String {
        let wide_enough = self.widths.iter().find(|known| **known >= width);
        let width = wide_enough.or(self.widths.last()).copied().unwrap_or_default();
        format!("/covers/{}", FileName { hash: self.hash, width })
    }
}

/// The picture that an event is to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewCover {
    pub(crate) hash: Hash,
    pub(crate) alt: String,
    /// The smallest first.
    pub(crate) sizes: Arc<[Size]>,
}

impl NewCover {
    pub(super) fn new(event: EventId, alt: String, sizes: Vec<Size>) -> Self {
        Self { hash: hash(event, &sizes), alt, sizes: sizes.into() }
    }

    /// The cover that this makes.
    pub(crate) fn to_cover(&self) -> Cover {
        let widths = self.sizes.iter().map(|size| size.width.try_into().unwrap_or(i32::MAX));
        Cover { hash: self.hash, alt: self.alt.clone(), widths: widths.collect() }
    }
}

/// It covers the event, so that nobody who has a picture can find out whether a draft has it, too.
fn hash(event: EventId, sizes: &[Size]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(event.0.as_bytes());
    for Size { jpeg, .. } in sizes {
        hasher.update((jpeg.len() as u64).to_be_bytes());
        hasher.update(jpeg);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    Hash(Uuid::from_bytes(half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_rounded_up_to_one_that_exists() {
        let hash = Hash(Uuid::nil());
        let cover = Cover { hash, alt: String::new(), widths: vec![400, 800, 1_000] };
        for (asked, found) in
            [(i32::MIN, 400), (1, 400), (400, 400), (401, 800), (801, 1_000), (i32::MAX, 1_000)]
        {
            let expected = format!("/covers/00000000000000000000000000000000-{found}.jpg");
            assert_eq!(cover.path(asked), expected, "{asked}");
        }
    }

    #[test]
    fn the_same_picture_of_another_event_has_another_name() {
        let sizes = || vec![Size { width: 1, jpeg: vec![1, 2] }];
        let (event, other) = (EventId::new(), EventId::new());
        let of = |event| NewCover::new(event, "x".to_owned(), sizes()).hash;
        assert_eq!(of(event), of(event));
        assert_ne!(of(event), of(other));
    }
}
