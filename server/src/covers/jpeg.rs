//! Whether a JPEG is complete.

/// Start of the compressed data.
const SOS: u8 = 0xda;
/// End of the picture.
const EOI: [u8; 2] = [0xff, 0xd9];

/// Whether the picture has an end. The decoder fills what is missing with grey.
///
/// A photograph may contain a small one, so only an end after the start of its own data counts. That
/// data has no such bytes of its own: it has a zero behind each 0xff.
pub(super) fn has_end(bytes: &[u8]) -> bool {
    data(bytes).is_some_and(|data| data.windows(EOI.len()).any(|bytes| bytes == EOI))
}

/// What follows the headers.
fn data(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(2..)?;
    loop {
        let (0xff, marker) = (*rest.first()?, *rest.get(1)?) else { return None };
        match marker {
            // Bytes of padding.
            0xff => rest = rest.get(1..)?,
            // Markers without a length.
            0x01 | 0xd0..=0xd8 => rest = rest.get(2..)?,
            SOS => return rest.get(2..),
            _ => {
                let length = u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]);
                rest = rest.get(2 + usize::from(length)..)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_picture_itself_counts() {
        // Its first segment has a small picture with an end.
        let head = [0xff, 0xd8, 0xff, 0xe1, 0, 4, 0xff, 0xd9, 0xff, 0xff, 0xda, 0, 2];
        let with = |rest: &[u8]| [&head[..], rest].concat();
        assert!(has_end(&with(&[1, 0xff, 0, 0xd9, 0xff, 0xd9])));
        assert!(has_end(&with(&[1, 0xff, 0xd9, b't', b'e', b'x', b't'])));
        assert!(!has_end(&with(&[1, 0xff, 0, 0xd9])));
        for end in 0..head.len() {
            assert!(!has_end(&head[..end]), "{end}");
        }
    }
}
