//! Whether an event's tickets are on sale.

use rowlock_web_operations::{
    DateTime,
    events::{Event, EventStatus},
};

use crate::timestamp::has_come;

/// The state of an event's sale at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sale {
    Open,
    NotYetOpen,
    Ended,
    /// The event has started.
    Started,
    Cancelled,
    /// Only the organizer's members see the event.
    Draft,
}

impl Sale {
    /// `now` is in RFC 3339 in UTC.
    pub(crate) fn at(event: &Event, now: &str) -> Self {
        let has_come = |time: &DateTime| has_come(&time.0, now);
        match event.status {
            EventStatus::Cancelled => Self::Cancelled,
            EventStatus::Draft => Self::Draft,
            EventStatus::Published if has_come(&event.starts_at) => Self::Started,
            EventStatus::Published if event.sales_end_at.as_ref().is_some_and(has_come) => {
                Self::Ended
            }
            EventStatus::Published if event.sales_start_at.as_ref().is_none_or(has_come) => {
                Self::Open
            }
            EventStatus::Published => Self::NotYetOpen,
        }
    }
}

/// The next time after `now` at which the event's sale may change by itself.
pub(crate) fn next_change<'a>(event: &'a Event, now: &str) -> Option<&'a str> {
    [event.sales_start_at.as_ref(), event.sales_end_at.as_ref(), Some(&event.starts_at)]
        .into_iter()
        .flatten()
        .map(|time| time.0.as_str())
        .filter(|time| !has_come(time, now))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_changes::tests::event;

    fn time(hour: u32) -> DateTime {
        DateTime(format!("2026-03-15T{hour:02}:00:00Z"))
    }

    /// Tickets are on sale from 8 to 12 o'clock, and the event starts at 14 o'clock.
    fn with_window() -> Event {
        let (sales_start_at, sales_end_at) = (Some(time(8)), Some(time(12)));
        Event { starts_at: time(14), sales_start_at, sales_end_at, ..event() }
    }

    #[test]
    fn tickets_are_on_sale_within_the_window_and_until_the_event_starts() {
        let event = with_window();
        for (hour, sale) in [
            (7, Sale::NotYetOpen),
            (8, Sale::Open),
            (11, Sale::Open),
            (12, Sale::Ended),
            (13, Sale::Ended),
            (14, Sale::Started),
        ] {
            assert_eq!(Sale::at(&event, &time(hour).0), sale, "at {hour}");
        }
        let without_window = Event { sales_start_at: None, sales_end_at: None, ..event };
        assert_eq!(Sale::at(&without_window, &time(1).0), Sale::Open);
        assert_eq!(Sale::at(&without_window, &time(13).0), Sale::Open);
        assert_eq!(Sale::at(&without_window, &time(14).0), Sale::Started);
    }

    #[test]
    fn nothing_is_on_sale_for_an_event_that_is_cancelled_or_a_draft() {
        let with_status = |status| Event { status, ..with_window() };
        let sale = |status, hour| Sale::at(&with_status(status), &time(hour).0);
        for hour in [7, 8, 12, 14] {
            assert_eq!(sale(EventStatus::Cancelled, hour), Sale::Cancelled);
            assert_eq!(sale(EventStatus::Draft, hour), Sale::Draft);
        }
    }

    #[test]
    fn the_sale_changes_next_at_the_earliest_time_that_has_not_come() {
        let event = with_window();
        for (hour, next) in
            [(7, Some(8)), (8, Some(12)), (11, Some(12)), (12, Some(14)), (14, None)]
        {
            let next = next.map(time);
            let found = next_change(&event, &time(hour).0);
            assert_eq!(found, next.as_ref().map(|time| time.0.as_str()), "at {hour}");
        }
    }
}
