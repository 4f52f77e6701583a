//! What an attempt to book came to, and what the person is told. Plain Rust.

use rowlock_web_operations::bookings::{BookEventResult, BookingStatus};
use std::collections::HashMap;

use crate::api::{ErrorCode, Failure};

/// Most tickets of one booking.
pub(crate) const MAX_TICKETS_PER_BOOKING: i32 = 10;

/// What an attempt to book came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BookingOutcome {
    Booked {
        quantity: i32,
    },
    AlreadyBooked {
        quantity: i32,
    },
    /// An earlier attempt with the same key had booked, and that booking was cancelled since.
    StaleKey,
    /// So many are left, fewer than were asked for.
    SoldOut {
        left: i32,
    },
    /// Why it can't be booked any more.
    Closed(String),
    /// The session ended; nothing was booked.
    SignedOut,
    /// ReadStamp too often; what the server says of it.
    RateLimited(String),
    /// Anything else, and perhaps booked all the same.
    Unknown,
}

impl From<Result<BookEventResult, Failure>> for BookingOutcome {
    fn from(answer: Result<BookEventResult, Failure>) -> Self {
        match answer {
            Ok(BookEventResult::BookEventSuccess(success))
                if success.booking.status == BookingStatus::Cancelled =>
            {
                Self::StaleKey
            }
            Ok(BookEventResult::BookEventSuccess(success)) => {
                Self::Booked { quantity: success.booking.quantity }
            }
            Ok(BookEventResult::AlreadyBooked(refusal)) => {
                Self::AlreadyBooked { quantity: refusal.booking.quantity }
            }
            Ok(BookEventResult::SoldOut(refusal)) => {
                Self::SoldOut { left: refusal.remaining_tickets }
            }
            Ok(BookEventResult::BookingClosed(refusal)) => Self::Closed(refusal.message),
            Ok(BookEventResult::Other) => Self::Unknown,
            Err(Failure::SessionEnded) => Self::SignedOut,
            Err(Failure::Api(refusal)) if refusal.code == ErrorCode::RateLimited => {
                Self::RateLimited(refusal.message)
            }
            Err(Failure::Api(refusal)) if refusal.code == ErrorCode::Unauthenticated => {
                Self::SignedOut
            }
            Err(_) => Self::Unknown,
        }
    }
}

impl BookingOutcome {
    /// What the person is told.
    pub(crate) fn message(&self, event: &str) -> String {
        match self {
            Self::Booked { .. } => format!("Successfully booked {event}!"),
            Self::AlreadyBooked { .. } => "You have already booked this event.".to_owned(),
            Self::SoldOut { left: ..=0 } => {
                format!("Sorry, tickets for {event} are no longer available.")
            }
            Self::SoldOut { left: 1 } => format!("Sorry, only 1 ticket for {event} is left."),
            Self::SoldOut { left } => format!("Sorry, only {left} tickets for {event} are left."),
            Self::SignedOut => Failure::SessionEnded.message(),
            Self::Closed(message) | Self::RateLimited(message) => message.clone(),
            Self::StaleKey | Self::Unknown => {
                "Failed to complete booking. Please try again.".to_owned()
            }
        }
    }
}

/// The idempotency keys of attempts whose outcome is not known: a retry carries the same key, and so can't
/// book twice. One an event, since there is one booking of an event; for another quantity it is another
/// key, as the server takes a key for one quantity only.
#[derive(Debug, Default)]
pub(crate) struct IdempotencyKeys(HashMap<String, (i32, String)>);

impl IdempotencyKeys {
    /// The key for an attempt to book so many tickets of the event: that of the last one, when its outcome
    /// is not known.
    pub(crate) fn key_for(
        &mut self,
        event: &str,
        quantity: i32,
        new_key: impl FnOnce() -> String,
    ) -> String {
        match self.0.get(event) {
            Some((same, key)) if *same == quantity => key.clone(),
            _ => {
                let key = new_key();
                self.0.insert(event.to_owned(), (quantity, key.clone()));
                key
            }
        }
    }

    /// Forgets the key of an attempt that came to something.
    pub(crate) fn forget_if_settled(&mut self, event: &str, outcome: &BookingOutcome) {
        if *outcome != BookingOutcome::Unknown {
            self.forget(event);
        }
    }

    /// What came of the attempt is known from elsewhere. Its key must not be used again: it would give
    /// that booking for a new one, even if it is cancelled by then.
    pub(crate) fn forget(&mut self, event: &str) {
        self.0.remove(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::http::ApiError;

    fn refused(code: ErrorCode) -> Failure {
        Failure::Api(ApiError { code, message: "Wait 3 s.".to_owned(), fields: Vec::new() })
    }

    #[test]
    fn each_outcome_is_told_in_its_own_words() {
        let told = |outcome: BookingOutcome| outcome.message("Jazz Night");
        assert_eq!(told(BookingOutcome::Booked { quantity: 2 }), "Successfully booked Jazz Night!");
        assert_eq!(
            told(BookingOutcome::SoldOut { left: 0 }),
            "Sorry, tickets for Jazz Night are no longer available."
        );
        assert_eq!(
            told(BookingOutcome::SoldOut { left: 1 }),
            "Sorry, only 1 ticket for Jazz Night is left."
        );
        assert_eq!(
            told(BookingOutcome::AlreadyBooked { quantity: 1 }),
            "You have already booked this event."
        );
        assert_eq!(told(BookingOutcome::Unknown), "Failed to complete booking. Please try again.");
        assert_eq!(
            told(BookingOutcome::SignedOut),
            "Your session has ended. Please sign in again."
        );
    }

    #[test]
    fn what_the_server_says_decides_the_outcome() {
        let outcome = |failure| BookingOutcome::from(Err(failure));
        assert_eq!(outcome(Failure::NoAnswer), BookingOutcome::Unknown);
        assert_eq!(outcome(refused(ErrorCode::Other)), BookingOutcome::Unknown);
        assert_eq!(outcome(Failure::SessionEnded), BookingOutcome::SignedOut);
        assert_eq!(outcome(refused(ErrorCode::Unauthenticated)), BookingOutcome::SignedOut);
        let too_often = BookingOutcome::RateLimited("Wait 3 s.".to_owned());
        assert_eq!(outcome(refused(ErrorCode::RateLimited)), too_often);
        assert_eq!(BookingOutcome::from(Ok(BookEventResult::Other)), BookingOutcome::Unknown);
    }

    #[test]
    fn a_retry_after_an_unknown_outcome_carries_the_same_key() {
        let mut keys = IdempotencyKeys::default();
        assert_eq!(keys.key_for("a", 1, || "first".to_owned()), "first");
        keys.forget_if_settled("a", &BookingOutcome::Unknown);
        assert_eq!(keys.key_for("a", 1, || "second".to_owned()), "first");
        assert_eq!(keys.key_for("b", 1, || "other event".to_owned()), "other event");
        assert_eq!(keys.key_for("a", 2, || "other quantity".to_owned()), "other quantity");
        keys.forget_if_settled("a", &BookingOutcome::SoldOut { left: 0 });
        assert_eq!(keys.key_for("a", 2, || "third".to_owned()), "third");
    }

    #[test]
    fn a_key_is_not_used_again_once_its_outcome_is_known() {
        for outcome in [
            BookingOutcome::AlreadyBooked { quantity: 1 },
            BookingOutcome::StaleKey,
            BookingOutcome::SignedOut,
        ] {
            let mut keys = IdempotencyKeys::default();
            keys.key_for("a", 1, || "first".to_owned());
            keys.forget_if_settled("a", &outcome);
            assert_eq!(keys.key_for("a", 1, || "second".to_owned()), "second", "{outcome:?}");
        }
    }
}
