//! The sections of the list of bookings, and the order in each.

use rowlock_web_operations::{
    DateTime,
    bookings::{Booking, BookingStatus},
    events::{Event, EventStatus},
};

use crate::timestamp::has_come;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Upcoming,
    /// The event has ended or, if its end is not known, has started.
    Past,
    Cancelled,
}

/// A booking in its section.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) section: Section,
    starts_at: DateTime,
    pub(super) booking: Booking,
}

impl Section {
    pub(super) const ALL: [Self; 3] = [Self::Upcoming, Self::Past, Self::Cancelled];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Upcoming => "Upcoming",
            Self::Past => "Past",
            Self::Cancelled => "Cancelled",
        }
    }

    /// `now` is in RFC 3339 in UTC.
    fn of(booking: &Booking, event: &Event, now: &str) -> Self {
        let end = event.ends_at.as_ref().unwrap_or(&event.starts_at);
        // The organizer's cancellation of an event cancels each booking a little later.
        match (booking.status, event.status) {
            (BookingStatus::Cancelled, _) | (_, EventStatus::Cancelled) => Self::Cancelled,
            _ if has_come(&end.0, now) => Self::Past,
            _ => Self::Upcoming,
        }
    }
}

impl Row {
    /// `event` is the booking's event as it is now known.
    pub(super) fn new(booking: &Booking, event: &Event, now: &str) -> Self {
        let section = Section::of(booking, event, now);
        Self { section, starts_at: event.starts_at.clone(), booking: booking.clone() }
    }

    /// Inserts a booking that is older than those in `rows`. What starts next comes first, what
    /// started last comes first among the past, and the newest booking among the cancelled.
    pub(super) fn insert_into(self, rows: &mut Vec<Self>) {
        let comes_before = |other: &Self| {
            self.section == other.section
                && match self.section {
                    Section::Upcoming => self.starts_at.0 < other.starts_at.0,
                    Section::Past => self.starts_at.0 > other.starts_at.0,
                    Section::Cancelled => false,
                }
        };
        let position = rows.iter().position(comes_before).unwrap_or(rows.len());
        rows.insert(position, self);
    }
}

#[cfg(test)]
mod tests {
    use rowlock_web_operations::{
        Decimal,
        events::{Money, WholeEvent},
    };

    use super::*;
    use crate::event_changes::tests::event;

    const NOW: &str = "2026-03-15T12:00:00.000Z";

    fn time(hour: u32) -> DateTime {
        DateTime(format!("2026-03-15T{hour:02}:00:00Z"))
    }

    fn starting_at(hour: u32) -> Event {
        Event { starts_at: time(hour), ..event() }
    }

    fn booking(event: Event) -> Booking {
        let free = Money { amount: Decimal("0".to_owned()), currency: "EUR".to_owned() };
        Booking {
            id: "b".into(),
            quantity: 1,
            status: BookingStatus::Confirmed,
            reference: "3QM72-XW43F".to_owned(),
            unit_price: free.clone(),
            total_price: free,
            created_at: time(0),
            cancelled_at: None,
            cancelled_by: None,
            cancellation_reason: None,
            event: WholeEvent { event },
            tickets: Vec::new(),
        }
    }

    fn cancelled(event: Event) -> Booking {
        Booking { status: BookingStatus::Cancelled, ..booking(event) }
    }

    fn section(booking: &Booking) -> Section {
        Section::of(booking, &booking.event, NOW)
    }

    #[test]
    fn an_event_is_past_when_it_has_ended_and_without_an_end_when_it_has_started() {
        let lasting = |start, end| Event { ends_at: Some(time(end)), ..starting_at(start) };
        for (event, expected) in [
            (starting_at(13), Section::Upcoming),
            (starting_at(12), Section::Past),
            (starting_at(11), Section::Past),
            (lasting(13, 15), Section::Upcoming),
            (lasting(11, 13), Section::Upcoming),
            (lasting(10, 12), Section::Past),
        ] {
            assert_eq!(section(&booking(event.clone())), expected, "{event:?}");
        }
    }

    #[test]
    fn a_booking_is_cancelled_by_its_buyer_or_with_its_event() {
        let with_event = Event { status: EventStatus::Cancelled, ..starting_at(13) };
        assert_eq!(section(&booking(with_event)), Section::Cancelled);
        for hour in [11, 13] {
            assert_eq!(section(&cancelled(starting_at(hour))), Section::Cancelled);
        }
    }

    #[test]
    fn each_section_has_its_order() {
        let mut rows = Vec::new();
        for booking in [
            booking(starting_at(15)),
            booking(starting_at(9)),
            cancelled(starting_at(16)),
            booking(starting_at(14)),
            booking(starting_at(10)),
            cancelled(starting_at(13)),
            booking(starting_at(14)),
            booking(starting_at(17)),
        ] {
            Row::new(&booking, &booking.event, NOW).insert_into(&mut rows);
        }
        let starts = |section| {
            let rows = rows.iter().filter(|row| row.section == section);
            rows.map(|row| row.starts_at.clone()).collect::<Vec<_>>()
        };
        assert_eq!(starts(Section::Upcoming), [time(14), time(14), time(15), time(17)]);
        assert_eq!(starts(Section::Past), [time(10), time(9)]);
        assert_eq!(starts(Section::Cancelled), [time(16), time(13)]);
    }
}
