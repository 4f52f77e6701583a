//! What somebody presents at the door: the code of a ticket, or the reference of a booking.

use rowlock_entities::BookingId;

use crate::{
    bookings::Reference,
    tickets::{TicketCodes, TicketNumber},
};

/// What a scanned or typed text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presented {
    Ticket {
        booking: BookingId,
        number: i32,
    },
    /// A whole reference.
    Reference {
        reference: Reference,
        /// The ticket's number, if the text names one.
        number: Option<i32>,
    },
}

impl Presented {
    /// `None` if the text is neither a code that one of the keys has signed nor a whole reference.
    pub(super) fn read(codes: &TicketCodes, text: &str) -> Option<Self> {
        if let Some(TicketNumber { booking, number }) = codes.verify(text) {
            return Some(Self::Ticket { booking, number: number.into() });
        }
        let (reference, number) = match text.split_once('/') {
            Some((reference, number)) => (reference, Some(ticket_number(number.trim())?)),
            None => (text, None),
        };
        match Reference::range(reference.trim())? {
            (first, last) if first == last => Some(Self::Reference { reference: first, number }),
            _ => None,
        }
    }
}

/// A number from 1, written in digits alone.
fn ticket_number(text: &str) -> Option<i32> {
    let is_number = text.chars().all(|c| c.is_ascii_digit()) && !text.starts_with('0');
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_however_it_is_typed() {
        let codes = TicketCodes::random();
        let id = BookingId("01990000-0000-7000-8000-fedcba987654".parse().unwrap());
        let reference = Reference::of(id);
        let text = reference.to_string();
        for (typed, number) in [
            (text.clone(), None),
            (format!(" {} ", text.to_lowercase()), None),
            (text.replace('-', ""), None),
            (format!("{text}/1"), Some(1)),
            (format!("{text} / 10"), Some(10)),
        ] {
            let expected = Presented::Reference { reference, number };
            assert_eq!(Presented::read(&codes, &typed), Some(expected), "{typed:?}");
        }
        let ticket = TicketNumber { booking: id, number: 2 };
        let expected = Presented::Ticket { booking: id, number: 2 };
        assert_eq!(Presented::read(&codes, &codes.code(ticket)), Some(expected));
    }

    #[test]
    fn other_texts_are_neither_a_code_nor_a_reference() {
        let codes = TicketCodes::random();
        let text = Reference::of(BookingId::new()).to_string();
        let foreign =
            TicketCodes::random().code(TicketNumber { booking: BookingId::new(), number: 1 });
        for other in [
            "",
            "Ada Lovelace",
            "https://example.org",
            &text[..10],
            &format!("{text}0"),
            &format!("{text}/"),
            &format!("{text}/0"),
            &format!("{text}/01"),
            &format!("{text}/+1"),
            &format!("{text}/-1"),
            &format!("{text}/1/2"),
            &format!("{text}/99999999999"),
            &format!("/{text}"),
            &foreign,
        ] {
            assert_eq!(Presented::read(&codes, other), None, "{other:?}");
        }
    }
}
