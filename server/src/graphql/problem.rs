//! Expected refusals, each with the data that a client needs to react.

use std::sync::Arc;

use async_graphql::{Enum, Interface, SimpleObject};
use rowlock_entities::{booking, event};

use super::{
    booking::Booking,
    check_in::{AlreadyCheckedIn, NotATicket, TicketCancelled, WrongEvent},
    event::Event,
    money::Money,
    scalars::DateTime,
};
use crate::events;

/// An expected refusal, with the data that a client needs to react.
#[derive(Interface)]
#[graphql(field(name = "message", ty = "&String", desc = "One sentence to show to the person."))]
pub(super) enum Problem {
    SoldOut(SoldOut),
    AlreadyBooked(AlreadyBooked),
    BookingClosed(BookingClosed),
    PriceChanged(PriceChanged),
    BookingCancelled(BookingCancelled),
    EventChanged(EventChanged),
    CapacityTooLow(CapacityTooLow),
    EventCancelled(EventCancelled),
    AlreadyCheckedIn(AlreadyCheckedIn),
    TicketCancelled(TicketCancelled),
    WrongEvent(WrongEvent),
    NotATicket(NotATicket),
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
        let message = match event.remaining_tickets {
            0 => format!("Sorry, {} is sold out.", event.title),
            1 => format!("Sorry, only 1 ticket is left for {}.", event.title),
            left => format!("Sorry, only {left} tickets are left for {}.", event.title),
        };
        Self { message, remaining_tickets: event.remaining_tickets, event: Event(event) }
    }

    /// A booking can't have so many more tickets.
    pub(super) fn for_changing(event: Arc<event::Model>) -> Self {
        let message = match event.remaining_tickets {
            0 => format!("Sorry, no more tickets are left for {}.", event.title),
            1 => format!("Sorry, only 1 more ticket is left for {}.", event.title),
            left => format!("Sorry, only {left} more tickets are left for {}.", event.title),
        };
        Self { message, remaining_tickets: event.remaining_tickets, event: Event(event) }
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

/// The event is not on sale, or its bookings can't be changed or cancelled any more.
#[derive(SimpleObject)]
pub(super) struct BookingClosed {
    /// One sentence to show to the person.
    message: String,
    /// The event.
    event: Event,
    /// Why the event can't be booked, or a booking can't be changed or cancelled.
    reason: ClosedReason,
    /// The time when the sale starts; null unless `reason` is `NOT_YET_ON_SALE`.
    opens_at: Option<DateTime>,
}

/// The reason why an event can't be booked, or a booking can't be changed or cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum ClosedReason {
    /// The sale starts later.
    NotYetOnSale,
    /// The sale has ended.
    SaleEnded,
    /// The event has started.
    Started,
    /// The event was cancelled.
    Cancelled,
    /// A ticket that would be returned was checked in at the door.
    CheckedIn,
}

impl From<events::ClosedReason> for ClosedReason {
    fn from(reason: events::ClosedReason) -> Self {
        match reason {
            events::ClosedReason::NotYetOnSale => Self::NotYetOnSale,
            events::ClosedReason::SaleEnded => Self::SaleEnded,
            events::ClosedReason::Started => Self::Started,
            events::ClosedReason::Cancelled => Self::Cancelled,
        }
    }
}

impl BookingClosed {
    /// The event can't be booked.
    pub(super) fn for_booking(event: Arc<event::Model>, reason: events::ClosedReason) -> Self {
        let title = &event.title;
        let message = match reason {
            events::ClosedReason::NotYetOnSale => format!("{title} is not on sale yet."),
            events::ClosedReason::SaleEnded => format!("The sale of {title} has ended."),
            events::ClosedReason::Started => {
                format!("{title} has started and can no longer be booked.")
            }
            events::ClosedReason::Cancelled => format!("{title} was cancelled."),
        };
        Self::because(event, reason, message)
    }

    /// A booking of the event can't have this number of tickets.
    pub(super) fn for_changing(event: Arc<event::Model>, reason: events::ClosedReason) -> Self {
        let title = &event.title;
        let message = match reason {
            events::ClosedReason::NotYetOnSale => {
                format!("{title} is not on sale yet, so its bookings can't have more tickets.")
            }
            events::ClosedReason::SaleEnded => {
                format!("The sale of {title} has ended, so its bookings can't have more tickets.")
            }
            events::ClosedReason::Started => {
                format!("{title} has started, so its bookings can no longer be changed.")
            }
            events::ClosedReason::Cancelled => format!("{title} was cancelled."),
        };
        Self::because(event, reason, message)
    }

    fn because(event: Arc<event::Model>, reason: events::ClosedReason, message: String) -> Self {
        let opens_at = (reason == events::ClosedReason::NotYetOnSale)
            .then_some(event.sales_start_at)
            .flatten()
            .map(DateTime);
        Self { message, event: Event(event), reason: reason.into(), opens_at }
    }

    /// A booking of the event can no longer be cancelled.
    pub(super) fn for_cancelling(event: Arc<event::Model>) -> Self {
        let message =
            format!("{} has started, so its bookings can no longer be cancelled.", event.title);
        Self { message, event: Event(event), reason: ClosedReason::Started, opens_at: None }
    }

    /// A ticket that would be returned has been used.
    pub(super) fn for_used_ticket(event: Arc<event::Model>) -> Self {
        let message = "A ticket that you would return was checked in at the door already.";
        let (message, reason) = (message.to_owned(), ClosedReason::CheckedIn);
        Self { message, event: Event(event), reason, opens_at: None }
    }
}

/// A ticket has another price than the one that was expected or, for more tickets of a booking, than
/// the booking's. Nothing was booked.
#[derive(SimpleObject)]
pub(super) struct PriceChanged {
    /// One sentence to show to the person.
    message: String,
    /// The price of one ticket now.
    price: Money,
    /// The event.
    event: Event,
}

impl PriceChanged {
    pub(super) fn new(event: Arc<event::Model>) -> Self {
        let price = Money::from_minor(event.price_minor, &event.currency);
        let message = format!("A ticket costs {price} now. Nothing was booked.");
        Self { message, price, event: Event(event) }
    }

    /// A booking has one price, so it can't have tickets at another one.
    pub(super) fn for_changing(event: Arc<event::Model>) -> Self {
        let price = Money::from_minor(event.price_minor, &event.currency);
        let message = format!(
            "A ticket costs {price} now, and all tickets of a booking have the same price. Nothing \
             was changed."
        );
        Self { message, price, event: Event(event) }
    }
}

/// The booking was cancelled, and its tickets can't be changed any more.
#[derive(SimpleObject)]
pub(super) struct BookingCancelled {
    /// One sentence to show to the person.
    message: String,
    /// The cancelled booking.
    booking: Booking,
}

impl BookingCancelled {
    pub(super) fn new(booking: booking::Model) -> Self {
        let message = "This booking was cancelled, so its tickets can't be changed.".to_owned();
        Self { message, booking: Booking(booking) }
    }
}

/// Somebody else has edited the event since the revision that the edit was made from.
#[derive(SimpleObject)]
pub(super) struct EventChanged {
    /// One sentence to show to the person.
    message: String,
    /// The event as it is now.
    event: Event,
}

impl EventChanged {
    pub(super) fn new(event: Arc<event::Model>) -> Self {
        let message = "Somebody else has changed this event in the meantime. Nothing was saved: \
                       look at the changes and try again.";
        Self { message: message.to_owned(), event: Event(event) }
    }
}

/// More tickets are taken than the event would have.
#[derive(SimpleObject)]
pub(super) struct CapacityTooLow {
    /// One sentence to show to the person.
    message: String,
    /// The number of tickets that are taken. The event must have at least as many.
    taken: i32,
    /// The event.
    event: Event,
}

impl CapacityTooLow {
    pub(super) fn new(event: Arc<event::Model>) -> Self {
        let taken = event.total_tickets - event.remaining_tickets;
        let message = match taken {
            1 => "1 ticket is taken, so the event needs at least 1.".to_owned(),
            _ => format!("{taken} tickets are taken, so the event needs at least as many."),
        };
        Self { message, taken, event: Event(event) }
    }
}

/// One sentence to show to the person who wants to change an event that was cancelled.
pub(crate) fn event_cancelled_message(event: &event::Model) -> String {
    format!("{} was cancelled and can't be changed any more.", event.title)
}

/// The event was cancelled, and stays so.
#[derive(SimpleObject)]
pub(super) struct EventCancelled {
    /// One sentence to show to the person.
    message: String,
    /// The event.
    event: Event,
}

impl EventCancelled {
    pub(super) fn new(event: Arc<event::Model>) -> Self {
        Self { message: event_cancelled_message(&event), event: Event(event) }
    }
}
