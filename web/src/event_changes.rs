//! What an edit has changed about an event, in sentences for people.

use rowlock_web_operations::{
    DateTime,
    events::{Event, EventStatus, Money},
};

/// How times, prices and numbers are written.
#[derive(Clone, Copy)]
pub(crate) struct Formats {
    /// A time in a time zone.
    pub(crate) time: fn(&DateTime, &str) -> String,
    /// The price of one ticket.
    pub(crate) price: fn(&Money) -> String,
    pub(crate) number: fn(i32) -> String,
}

/// Whom the changes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Somebody who may book.
    Buyer,
    /// Somebody who has booked. What a booking would cost now is nothing to them.
    Holder,
}

/// Says what is different in `after`. There is nothing to say if people see no difference.
pub(crate) fn sentences(
    before: &Event,
    after: &Event,
    audience: Audience,
    formats: Formats,
) -> Vec<String> {
    if after.status == EventStatus::Cancelled {
        return if before.status == EventStatus::Cancelled {
            Vec::new()
        } else {
            vec![cancellation(after.cancellation_reason.as_deref())]
        };
    }
    let mut said = about_the_event(before, after, formats);
    if audience == Audience::Buyer {
        said.extend(about_the_tickets(before, after, formats));
    }
    said
}

/// Says that the event is cancelled, and why.
pub(crate) fn cancellation(reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("This event was cancelled: {reason}"),
        None => "This event was cancelled.".to_owned(),
    }
}

/// Says that the organizer has cancelled a booking, and why.
pub(crate) fn cancelled_by_organizer(reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("Cancelled by the organizer: {reason}"),
        None => "Cancelled by the organizer.".to_owned(),
    }
}

/// The venue and its city.
pub(crate) fn place(event: &Event) -> String {
    match event.city.as_str() {
        "" => event.venue.clone(),
        city => format!("{}, {city}", event.venue),
    }
}

fn about_the_event(before: &Event, after: &Event, formats: Formats) -> Vec<String> {
    let time = |time| (formats.time)(time, &after.time_zone);
    let mut said = Vec::new();
    if before.title != after.title {
        said.push(format!("The title is now “{}”.", after.title));
    }
    let is_moved = (&before.starts_at, &before.time_zone) != (&after.starts_at, &after.time_zone);
    if is_moved {
        said.push(format!("The start was moved to {}.", time(&after.starts_at)));
    }
    if before.ends_at != after.ends_at {
        said.push(match &after.ends_at {
            Some(ends_at) => format!("The end is now {}.", time(ends_at)),
            None => "The time of the end is now open.".to_owned(),
        });
    }
    if place(before) != place(after) {
        said.push(format!("The venue is now {}.", place(after)));
    }
    said
}

fn about_the_tickets(before: &Event, after: &Event, formats: Formats) -> Vec<String> {
    let time = |time| (formats.time)(time, &after.time_zone);
    let mut said = Vec::new();
    if before.price != after.price {
        said.push(price(&after.price, formats.price));
    }
    if before.total_tickets != after.total_tickets {
        said.push(match after.total_tickets {
            1 => "There is now 1 ticket in all.".to_owned(),
            total => format!("There are now {} tickets in all.", (formats.number)(total)),
        });
    }
    if before.max_per_booking != after.max_per_booking {
        said.push(match after.max_per_booking {
            1 => "You can now book only 1 ticket.".to_owned(),
            most => format!("You can now book up to {most} tickets."),
        });
    }
    if before.sales_start_at != after.sales_start_at {
        said.push(match &after.sales_start_at {
            Some(start) => format!("The sale now starts on {}.", time(start)),
            None => "The sale has no start any more.".to_owned(),
        });
    }
    if before.sales_end_at != after.sales_end_at {
        said.push(match &after.sales_end_at {
            Some(end) => format!("The sale now ends on {}.", time(end)),
            None => "The sale now ends when the event starts.".to_owned(),
        });
    }
    said
}

/// Says what a ticket costs now.
pub(crate) fn price(price: &Money, format: fn(&Money) -> String) -> String {
    format!("The price is now {}.", format(price))
}

#[cfg(test)]
pub(crate) mod tests {
    use rowlock_web_operations::Decimal;

    use super::*;

    /// A published event.
    pub(crate) fn event() -> Event {
        Event {
            id: "a".into(),
            title: "Jazz Night".to_owned(),
            venue: "Blue Door".to_owned(),
            city: "New York".to_owned(),
            starts_at: DateTime("2026-03-15T23:00:00Z".to_owned()),
            ends_at: None,
            time_zone: "America/New_York".to_owned(),
            sales_start_at: None,
            sales_end_at: None,
            status: EventStatus::Published,
            cancellation_reason: None,
            price: money("35.00"),
            total_tickets: 80,
            max_per_booking: 10,
            revision: 1,
            cover: None,
        }
    }

    fn money(amount: &str) -> Money {
        Money { amount: Decimal(amount.to_owned()), currency: "USD".to_owned() }
    }

    fn time(hour: u32) -> DateTime {
        DateTime(format!("2026-03-16T{hour:02}:00:00Z"))
    }

    fn told(audience: Audience, change: fn(&mut Event)) -> String {
        let formats = Formats {
            time: |time, zone| format!("<{} {zone}>", time.0),
            price: |price| format!("<{}>", price.amount.0),
            number: |number| format!("<{number}>"),
        };
        let mut after = event();
        after.revision += 1;
        change(&mut after);
        sentences(&event(), &after, audience, formats).join(" ")
    }

    fn told_to_buyers(change: fn(&mut Event)) -> String {
        told(Audience::Buyer, change)
    }

    #[test]
    fn each_change_is_told_in_a_sentence() {
        let told = told_to_buyers;
        assert_eq!(told(|event| event.title = "Blues".to_owned()), "The title is now “Blues”.");
        assert_eq!(
            told(|event| event.starts_at = time(1)),
            "The start was moved to <2026-03-16T01:00:00Z America/New_York>."
        );
        assert_eq!(
            told(|event| event.ends_at = Some(time(4))),
            "The end is now <2026-03-16T04:00:00Z America/New_York>."
        );
        assert_eq!(
            told(|event| event.venue = "Red Door".to_owned()),
            "The venue is now Red Door, New York."
        );
        assert_eq!(told(|event| event.city.clear()), "The venue is now Blue Door.");
        assert_eq!(told(|event| event.price = money("60.00")), "The price is now <60.00>.");
        assert_eq!(told(|event| event.total_tickets = 90), "There are now <90> tickets in all.");
        assert_eq!(told(|event| event.max_per_booking = 4), "You can now book up to 4 tickets.");
        assert_eq!(
            told(|event| event.sales_start_at = Some(time(2))),
            "The sale now starts on <2026-03-16T02:00:00Z America/New_York>."
        );
        assert_eq!(
            told(|event| event.sales_end_at = Some(time(3))),
            "The sale now ends on <2026-03-16T03:00:00Z America/New_York>."
        );
    }

    #[test]
    fn several_changes_are_told_together() {
        let told = told_to_buyers(|event| {
            event.venue = "Red Door".to_owned();
            event.price = money("60.00");
            event.max_per_booking = 1;
        });
        assert_eq!(
            told,
            "The venue is now Red Door, New York. The price is now <60.00>. You can now book only \
             1 ticket."
        );
    }

    #[test]
    fn an_edit_that_changes_nothing_visible_is_not_told() {
        assert_eq!(told_to_buyers(|_| {}), "");
    }

    #[test]
    fn a_cancellation_is_told_once_and_alone() {
        let cancel = |event: &mut Event| {
            event.status = EventStatus::Cancelled;
            event.cancellation_reason = Some("The hall burnt down.".to_owned());
            event.price = money("60.00");
        };
        for audience in [Audience::Buyer, Audience::Holder] {
            assert_eq!(told(audience, cancel), "This event was cancelled: The hall burnt down.");
        }
        let mut cancelled = event();
        cancel(&mut cancelled);
        let formats = Formats {
            time: |_, _| String::new(),
            price: |_| String::new(),
            number: |_| String::new(),
        };
        assert!(sentences(&cancelled, &cancelled, Audience::Buyer, formats).is_empty());
        assert_eq!(cancellation(None), "This event was cancelled.");
    }

    #[test]
    fn people_who_have_booked_are_not_told_what_a_booking_would_cost_now() {
        let told = told(Audience::Holder, |event| {
            event.starts_at = time(1);
            event.price = money("60.00");
            event.total_tickets = 90;
            event.max_per_booking = 4;
            event.sales_end_at = Some(time(3));
        });
        assert_eq!(told, "The start was moved to <2026-03-16T01:00:00Z America/New_York>.");
    }
}
