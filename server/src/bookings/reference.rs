//! The short name of a booking, which people read out to each other.
//!
//! It is made from the last 48 bits of the booking's id, most of which are random. So it needs no
//! column, and two bookings of one event hardly ever share one.

use std::fmt;

use rowlock_entities::BookingId;

/// Crockford's base 32: no letter looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Number of characters, the first of which stands for three bits.
const CHARS: usize = 10;
const BITS: u32 = 48;

/// A booking's reference, as the number that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference(u64);

impl Reference {
    pub(crate) fn of(id: BookingId) -> Self {
        Self(id.0.as_u64_pair().1 & ((1 << BITS) - 1))
    }

    /// The first and the last reference that begin with this text, in any case, with or without
    /// hyphens and spaces. Letters that look like digits count as these. `None` if no reference
    /// begins so.
    pub(crate) fn range(text: &str) -> Option<(Self, Self)> {
        let mut value = 0;
        let mut chars = 0;
        for c in text.chars().filter(|c| !matches!(c, '-' | ' ')) {
            let digit = match c.to_ascii_uppercase() {
                'O' => 0,
                'I' | 'L' => 1,
                c => ALPHABET.iter().position(|known| char::from(*known) == c)? as u64,
            };
            chars += 1;
            // The first character has three bits.
            if chars > CHARS || chars == 1 && digit > 7 {
                return None;
            }
            value = value << 5 | digit;
        }
        if chars == 0 {
            return None;
        }
        let rest = 5 * (CHARS - chars);
        let first = value << rest;
        Some((Self(first), Self(first | ((1 << rest) - 1))))
    }

    /// The last twelve hexadecimal digits of the ids that have it, in small letters.
    pub(super) fn hex(self) -> String {
        format!("{:012x}", self.0)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in 0..CHARS {
            if place == CHARS / 2 {
                f.write_str("-")?;
            }
            let digit = self.0 >> (5 * (CHARS - 1 - place)) & 31;
            write!(f, "{}", char::from(ALPHABET[digit as usize]))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_found_by_its_text_however_it_is_written() {
        let id = BookingId("01990000-0000-7000-8000-fedcba987654".parse().unwrap());
        let reference = Reference::of(id);
        assert_eq!(reference.to_string().len(), 11);
        assert_eq!(reference.hex(), "fedcba987654");
        let text = reference.to_string();
        for written in [text.clone(), text.to_lowercase(), text.replace('-', " ")] {
            assert_eq!(Reference::range(&written), Some((reference, reference)), "{written}");
        }
    }

    #[test]
    fn the_start_of_a_reference_has_all_that_begin_so() {
        let (first, last) = Reference::range("0").unwrap();
        assert_eq!(
            (first.to_string().as_str(), last.to_string().as_str()),
            ("00000-00000", "0ZZZZ-ZZZZZ")
        );
        assert_eq!(Reference::range("oil"), Reference::range("011"));
        for other in ["", " - ", "8", "U", "ada@example.org", "00000-000000"] {
            assert_eq!(Reference::range(other), None, "{other}");
        }
    }

    #[test]
    fn references_of_bookings_made_at_once_differ() {
        let references: std::collections::HashSet<u64> =
            (0..10_000).map(|_| Reference::of(BookingId::new()).0).collect();
        assert_eq!(references.len(), 10_000);
    }
}
