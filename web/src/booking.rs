//! The outcome of an attempt to book, the user's message, and idempotency keys for retries.

use rowlock_web_operations::bookings::{BookEventResult, BookingStatus};
use std::collections::HashMap;

use crate::api::{ErrorCode, Failure};

/// The outcome of an attempt to book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BookingOutcome {
    Booked {
        quantity: i32,
    },
    AlreadyBooked {
        quantity: i32,
    },
    /// An earlier attempt with this idempotency key succeeded, and its booking was cancelled since.
    StaleKey,
    /// Fewer tickets are left than were requested.
    SoldOut {
        left: i32,
    },
    /// The event takes no more bookings; the server's message says why.
    Closed(String),
    /// The session had ended, so nothing was booked.
    SignedOut,
    /// The server's message says when to try again.
    RateLimited(String),
    /// Any other failure. The booking may have been made all the same.
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
            Err(Failure::NoAnswer) => Self::Unknown,
            Err(Failure::Api(error)) => match error.code {
                ErrorCode::RateLimited => Self::RateLimited(error.message),
                ErrorCode::Unauthenticated => Self::SignedOut,
                ErrorCode::InvalidCredentials
                | ErrorCode::EmailTaken
                | ErrorCode::BadUserInput
                | ErrorCode::Other => Self::Unknown,
            },
        }
    }
}

impl BookingOutcome {
    /// The message to the user.
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

/// The idempotency keys of attempts with an unknown outcome. A retry sends the same key, so it
/// can't book twice. There is one key for each event, because a user has at most one booking of an
/// event. A different quantity gets a new key, because the server accepts a key for one quantity
/// only.
#[derive(Debug, Default)]
pub(crate) struct IdempotencyKeys(HashMap<String, (i32, String)>);

impl IdempotencyKeys {
    /// The key for an attempt to book: the key of the last attempt if its outcome is unknown, else
    /// a new one.
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

    /// Forgets the key unless the outcome is unknown.
    pub(crate) fn forget_if_settled(&mut self, event: &str, outcome: &BookingOutcome) {
        match outcome {
            BookingOutcome::Unknown => {}
            BookingOutcome::Booked { .. }
            | BookingOutcome::AlreadyBooked { .. }
            | BookingOutcome::StaleKey
            | BookingOutcome::SoldOut { .. }
            | BookingOutcome::Closed(_)
            | BookingOutcome::SignedOut
            | BookingOutcome::RateLimited(_) => self.forget(event),
        }
    }

    /// Forgets the key, because the outcome has become known in another way. With the old key the
    /// server would return the old booking, even if it has been cancelled.
    pub(crate) fn forget(&mut self, event: &str) {
        self.0.remove(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::http::ApiError;

    fn api_error(code: ErrorCode) -> Failure {
        Failure::Api(ApiError { code, message: "Wait 3 s.".to_owned(), fields: Vec::new() })
    }

    #[test]
    fn each_outcome_has_its_own_message() {
        let message = |outcome: BookingOutcome| outcome.message("Jazz Night");
        assert_eq!(
            message(BookingOutcome::Booked { quantity: 2 }),
            "Successfully booked Jazz Night!"
        );
        assert_eq!(
            message(BookingOutcome::SoldOut { left: 0 }),
            "Sorry, tickets for Jazz Night are no longer available."
        );
        assert_eq!(
            message(BookingOutcome::SoldOut { left: 1 }),
            "Sorry, only 1 ticket for Jazz Night is left."
        );
        assert_eq!(
            message(BookingOutcome::AlreadyBooked { quantity: 1 }),
            "You have already booked this event."
        );
        assert_eq!(
            message(BookingOutcome::Unknown),
            "Failed to complete booking. Please try again."
        );
        assert_eq!(
            message(BookingOutcome::SignedOut),
            "Your session has ended. Please sign in again."
        );
    }

    #[test]
    fn the_servers_answer_decides_the_outcome() {
        let outcome = |failure| BookingOutcome::from(Err(failure));
        assert_eq!(outcome(Failure::NoAnswer), BookingOutcome::Unknown);
        assert_eq!(outcome(api_error(ErrorCode::Other)), BookingOutcome::Unknown);
        assert_eq!(outcome(Failure::SessionEnded), BookingOutcome::SignedOut);
        assert_eq!(outcome(api_error(ErrorCode::Unauthenticated)), BookingOutcome::SignedOut);
        let rate_limited = BookingOutcome::RateLimited("Wait 3 s.".to_owned());
        assert_eq!(outcome(api_error(ErrorCode::RateLimited)), rate_limited);
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
