//! Expected refusals, each with the data that a client needs to react.

use std::sync::Arc;

use async_graphql::{Interface, SimpleObject};
use rowlock_entities::{booking, event};

use super::{booking::Booking, event::Event};

/// An expected refusal, with the data that a client needs to react.
#[derive(Interface)]
#[graphql(field(name = "message", ty = "&String", desc = "One sentence to show to the person."))]
pub(super) enum Problem {
    SoldOut(SoldOut),
    AlreadyBooked(AlreadyBooked),
    BookingClosed(BookingClosed),
}

/// Fewer tickets are left than were requested.
#[derive(SimpleObject)]
pub(super) struct SoldOut {
    /// One sentence to show to the person.
    message: String,
    /// The number of tickets that were left when the request was decided. A smaller quantity may
    /// still be available.
    remaining_tickets: i32,
    /// The event.
    event: Event,
}

impl SoldOut {
    pub(super) fn new(event: Arc<event::Model>) -> Self {
        Self {
            message: match event.remaining_tickets {
                0 => format!("Sorry, {} is sold out.", event.title),
                1 => format!("Sorry, only 1 ticket is left for {}.", event.title),
                left => format!("Sorry, only {left} tickets are left for {}.", event.title),
            },
            remaining_tickets: event.remaining_tickets,
            event: Event(event),
        }
    }
}

/// The user already has a confirmed booking of this event.
#[derive(SimpleObject)]
pub(super) struct AlreadyBooked {
    /// One sentence to show to the person.
    message: String,
    /// The existing booking.
    booking: Booking,
}

impl AlreadyBooked {
    pub(super) fn new(booking: booking::Model) -> Self {
        let message = "You have already booked this event.".to_owned();
        Self { message, booking: Booking(booking) }
    }
}

/// The event has started.
#[derive(SimpleObject)]
pub(super) struct BookingClosed {
    /// One sentence to show to the person.
    message: String,
    /// The event.
    event: Event,
}

impl BookingClosed {
    /// The event can no longer be booked.
    pub(super) fn for_booking(event: Arc<event::Model>) -> Self {
        let message = format!("{} has started and can no longer be booked.", event.title);
        Self { message, event: Event(event) }
    }

    /// A booking of the event can no longer be cancelled.
    pub(super) fn for_cancelling(event: Arc<event::Model>) -> Self {
        let message =
            format!("{} has started, so its bookings can no longer be cancelled.", event.title);
        Self { message, event: Event(event) }
    }
}
