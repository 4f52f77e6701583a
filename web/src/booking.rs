//! The outcome of an attempt to book, and the user's message.

use rowlock_web_operations::bookings::{
    BookEventResult, BookingStatus, ClosedReason, PriceChanged,
};

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
    /// The attempt succeeded, and its booking was cancelled before its answer arrived.
    CancelledSince,
    /// Fewer tickets are left than were requested.
    SoldOut {
        left: i32,
    },
    /// The event takes no more bookings; the server's message says why.
    Closed(String),
    /// The price is not the one that the user has seen. Nothing was booked. The sentences say what
    /// has changed.
    PriceChanged(Vec<String>),
    /// The user's address is not confirmed, and the server wants that. Nothing was booked.
    Unverified(String),
    /// Nothing was booked; the message says why.
    Refused(String),
    /// A refusal that this client does not know. Nothing was booked.
    OtherRefusal,
    /// No answer came in time. The booking may have been made all the same.
    Unknown,
}

impl BookingOutcome {
    /// `changes` says what has changed about the event if its price has.
    pub(crate) fn of(
        answer: Result<BookEventResult, Failure>,
        changes: impl FnOnce(&PriceChanged) -> Vec<String>,
    ) -> Self {
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
            // The sale begins later, and the user can try again then.
            Ok(BookEventResult::BookingClosed(refusal))
                if refusal.reason == ClosedReason::NotYetOnSale =>
            {
                Self::Refused(refusal.message)
            }
            Ok(BookEventResult::BookingClosed(refusal)) => Self::Closed(refusal.message),
            Ok(BookEventResult::PriceChanged(refusal)) => Self::PriceChanged(changes(&refusal)),
            Ok(BookEventResult::Other) => Self::OtherRefusal,
            Err(failure) if failure.is_inconclusive() => Self::Unknown,
            Err(failure) if failure.code() == Some(ErrorCode::EmailNotVerified) => {
                Self::Unverified(failure.message())
            }
            Err(failure) => Self::Refused(failure.message()),
        }
    }

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
            Self::Closed(message) | Self::Unverified(message) | Self::Refused(message) => {
                message.clone()
            }
            Self::PriceChanged(changes) => {
                format!("{event}: {} Nothing was booked.", changes.join(" "))
            }
            Self::CancelledSince => {
                format!("Your booking for {event} was made and then cancelled.")
            }
            Self::OtherRefusal => format!("Sorry, {event} couldn't be booked."),
            Self::Unknown => format!(
                "No answer yet about your booking for {event}. Try again: you won't be booked twice."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use rowlock_web_operations::{bookings::BookingClosed, events::WholeEvent};

    use super::*;
    use crate::{api::http::ApiError, event_changes::tests::event};

    fn outcome(answer: Result<BookEventResult, Failure>) -> BookingOutcome {
        BookingOutcome::of(answer, |_| Vec::new())
    }

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
            "No answer yet about your booking for Jazz Night. Try again: you won't be booked twice."
        );
    }

    #[test]
    fn the_servers_answer_decides_the_outcome() {
        let of_failure = |failure| outcome(Err(failure));
        for failure in
            [Failure::NoAnswer, api_error(ErrorCode::Unavailable), api_error(ErrorCode::Internal)]
        {
            assert_eq!(of_failure(failure), BookingOutcome::Unknown);
        }
        for code in [ErrorCode::RateLimited, ErrorCode::BadUserInput, ErrorCode::Other] {
            let refused = BookingOutcome::Refused("Wait 3 s.".to_owned());
            assert_eq!(of_failure(api_error(code)), refused);
        }
        assert_eq!(outcome(Ok(BookEventResult::Other)), BookingOutcome::OtherRefusal);
        assert_eq!(
            of_failure(api_error(ErrorCode::EmailNotVerified)),
            BookingOutcome::Unverified("Wait 3 s.".to_owned())
        );
    }

    #[test]
    fn a_booking_before_the_sale_can_be_tried_again_and_others_that_are_refused_can_not() {
        let closed = |reason| {
            let message = "Too early.".to_owned();
            outcome(Ok(BookEventResult::BookingClosed(BookingClosed { message, reason })))
        };
        let refused = BookingOutcome::Refused("Too early.".to_owned());
        assert_eq!(closed(ClosedReason::NotYetOnSale), refused);
        for reason in [
            ClosedReason::SaleEnded,
            ClosedReason::Started,
            ClosedReason::Cancelled,
            ClosedReason::Other,
        ] {
            assert_eq!(closed(reason), BookingOutcome::Closed("Too early.".to_owned()));
        }
    }

    #[test]
    fn a_changed_price_is_told_with_what_else_has_changed() {
        let refusal = PriceChanged { price: event().price, event: WholeEvent { event: event() } };
        let answer = Ok(BookEventResult::PriceChanged(refusal));
        let outcome = BookingOutcome::of(answer, |_| {
            vec!["The start was moved.".to_owned(), "The price is now $35.00.".to_owned()]
        });
        assert_eq!(
            outcome.message("Jazz Night"),
            "Jazz Night: The start was moved. The price is now $35.00. Nothing was booked."
        );
    }
}
