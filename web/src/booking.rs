//! What an attempt to book came to, and what the person is told. Plain Rust.

use std::collections::HashMap;

use crate::api::{Code, Failure, queries::bookings::BookEventResult};

/// Most tickets of one booking.
pub(crate) const MOST_TICKETS: i32 = 10;

/// What an attempt to book came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Booked {
        quantity: i32,
    },
    AlreadyBooked {
        quantity: i32,
    },
    /// So many are left, fewer than were asked for.
    SoldOut {
        left: i32,
    },
    /// Why it can't be booked any more.
    Closed(String),
    /// The session ended; nothing was booked.
    SignedOut,
    /// Asked too often; what the server says of it.
    TooOften(String),
    /// Anything else, and perhaps booked all the same.
    Failed,
}

impl From<Result<BookEventResult, Failure>> for Outcome {
    fn from(answer: Result<BookEventResult, Failure>) -> Self {
        match answer {
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
            Ok(BookEventResult::Other) => Self::Failed,
            Err(Failure::SessionEnded) => Self::SignedOut,
            Err(Failure::Refused(refusal)) if refusal.code == Code::RateLimited => {
                Self::TooOften(refusal.message)
            }
            Err(Failure::Refused(refusal)) if refusal.code == Code::Unauthenticated => {
                Self::SignedOut
            }
            Err(_) => Self::Failed,
        }
    }
}

impl Outcome {
    /// What the person is told; nothing where the sign-in page speaks for itself.
    pub(crate) fn message(&self, event: &str) -> Option<String> {
        Some(match self {
            Self::Booked { .. } => format!("Successfully booked {event}!"),
            Self::AlreadyBooked { .. } => "You have already booked this event.".to_owned(),
            Self::SoldOut { left: ..=0 } => {
                format!("Sorry, tickets for {event} are no longer available.")
            }
            Self::SoldOut { left: 1 } => format!("Sorry, only 1 ticket for {event} is left."),
            Self::SoldOut { left } => format!("Sorry, only {left} tickets for {event} are left."),
            Self::SignedOut => return None,
            Self::Closed(message) | Self::TooOften(message) => message.clone(),
            Self::Failed => "Failed to complete booking. Please try again.".to_owned(),
        })
    }
}

/// The idempotency keys of attempts whose outcome is not known: a retry carries the same key, and so can't
/// book twice.
#[derive(Debug, Default)]
pub(crate) struct Attempts(HashMap<(String, i32), String>);

impl Attempts {
    /// The key for an attempt to book so many tickets of the event: that of the last one, when its outcome
    /// is not known. The server takes a key for one event and quantity only.
    pub(crate) fn key(
        &mut self,
        event: &str,
        quantity: i32,
        fresh: impl FnOnce() -> String,
    ) -> String {
        self.0.entry((event.to_owned(), quantity)).or_insert_with(fresh).clone()
    }

    /// Forgets the key of an attempt that came to something.
    pub(crate) fn settle(&mut self, event: &str, quantity: i32, outcome: &Outcome) {
        if *outcome != Outcome::Failed {
            self.0.remove(&(event.to_owned(), quantity));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::http::Refusal;

    fn refused(code: Code) -> Failure {
        Failure::Refused(Refusal { code, message: "Wait 3 s.".to_owned(), fields: Vec::new() })
    }

    #[test]
    fn each_outcome_is_told_in_its_own_words() {
        let told = |outcome: Outcome| outcome.message("Jazz Night").unwrap_or_default();
        assert_eq!(told(Outcome::Booked { quantity: 2 }), "Successfully booked Jazz Night!");
        assert_eq!(
            told(Outcome::SoldOut { left: 0 }),
            "Sorry, tickets for Jazz Night are no longer available."
        );
        assert_eq!(
            told(Outcome::SoldOut { left: 1 }),
            "Sorry, only 1 ticket for Jazz Night is left."
        );
        assert_eq!(
            told(Outcome::AlreadyBooked { quantity: 1 }),
            "You have already booked this event."
        );
        assert_eq!(told(Outcome::Failed), "Failed to complete booking. Please try again.");
        assert_eq!(told(Outcome::SignedOut), "");
    }

    #[test]
    fn what_the_server_says_decides_the_outcome() {
        let outcome = |failure| Outcome::from(Err(failure));
        assert_eq!(outcome(Failure::NoAnswer), Outcome::Failed);
        assert_eq!(outcome(refused(Code::Other)), Outcome::Failed);
        assert_eq!(outcome(Failure::SessionEnded), Outcome::SignedOut);
        assert_eq!(outcome(refused(Code::Unauthenticated)), Outcome::SignedOut);
        let too_often = Outcome::TooOften("Wait 3 s.".to_owned());
        assert_eq!(outcome(refused(Code::RateLimited)), too_often);
        assert_eq!(Outcome::from(Ok(BookEventResult::Other)), Outcome::Failed);
    }

    #[test]
    fn a_retry_after_an_unknown_outcome_carries_the_same_key() {
        let mut attempts = Attempts::default();
        assert_eq!(attempts.key("a", 1, || "first".to_owned()), "first");
        attempts.settle("a", 1, &Outcome::Failed);
        assert_eq!(attempts.key("a", 1, || "second".to_owned()), "first");
        assert_eq!(attempts.key("a", 2, || "other quantity".to_owned()), "other quantity");
        assert_eq!(attempts.key("b", 1, || "other event".to_owned()), "other event");
        attempts.settle("a", 1, &Outcome::SoldOut { left: 0 });
        assert_eq!(attempts.key("a", 1, || "third".to_owned()), "third");
    }
}
