//! The outcome of an attempt to book, and the user's message.

use rowlock_web_operations::bookings::{BookEventResult, BookingStatus};

use crate::api::Failure;

/// The outcome of an attempt to book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BookingOutcome {
    Booked {
        quantity: i32,
    },
    AlreadyBooked {
        quantity: i32,
    },
    /// The attempt succeeded, and its booking was cancelled before its answer arrived.
    CancelledSince,
    /// Fewer tickets are left than were requested.
    SoldOut {
        left: i32,
    },
    /// The event takes no more bookings; the server's message says why.
    Closed(String),
    /// Nothing was booked; the message says why.
    Refused(String),
    /// A refusal that this client does not know. Nothing was booked.
    OtherRefusal,
    /// No answer came in time. The booking may have been made all the same.
    Unknown,
}

impl From<Result<BookEventResult, Failure>> for BookingOutcome {
    fn from(answer: Result<BookEventResult, Failure>) -> Self {
        match answer {
            Ok(BookEventResult::BookEventSuccess(success))
                if success.booking.status == BookingStatus::Cancelled =>
            {
                Self::CancelledSince
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
            Ok(BookEventResult::Other) => Self::OtherRefusal,
            Err(failure) if failure.is_inconclusive() => Self::Unknown,
            Err(failure) => Self::Refused(failure.message()),
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
            Self::Closed(message) | Self::Refused(message) => message.clone(),
            Self::CancelledSince => {
                format!("Your booking for {event} was made and then cancelled.")
            }
            Self::OtherRefusal => format!("Sorry, {event} couldn't be booked."),
            Self::Unknown => format!(
                "We couldn't find out whether your booking for {event} went through. Trying again \
                 can't book twice."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ErrorCode, http::ApiError};

    fn api_error(code: ErrorCode) -> Failure {
        let message = "Wait 3 s.".to_owned();
        Failure::Api(ApiError { code, message, fields: Vec::new(), retry_after: None })
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
            "We couldn't find out whether your booking for Jazz Night went through. Trying again \
             can't book twice."
        );
    }

    #[test]
    fn the_servers_answer_decides_the_outcome() {
        let outcome = |failure| BookingOutcome::from(Err(failure));
        for failure in
            [Failure::NoAnswer, api_error(ErrorCode::Unavailable), api_error(ErrorCode::Internal)]
        {
            assert_eq!(outcome(failure), BookingOutcome::Unknown);
        }
        for code in [ErrorCode::RateLimited, ErrorCode::BadUserInput, ErrorCode::Other] {
            let refused = BookingOutcome::Refused("Wait 3 s.".to_owned());
            assert_eq!(outcome(api_error(code)), refused);
        }
        assert_eq!(BookingOutcome::from(Ok(BookEventResult::Other)), BookingOutcome::OtherRefusal);
    }
}
