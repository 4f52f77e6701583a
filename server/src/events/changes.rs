//! What an organizer says about an event, in part or as a whole, and the rules for it.
//!
//! Each value by itself is checked before the event is read ([`EventChanges::check`]). What depends
//! on the event as it is, or on several values, is checked once they are together, under the
//! event's lock ([`problems`]).

use std::mem;

use chrono::{DateTime, Datelike, Utc};
use rowlock_entities::{EventId, OrganizerId, event};

use super::{price::Price, sale::has_started, title_key};
use crate::{
    field_problem::FieldProblem,
    visible_text::{is_bidi_control, is_control, is_visible},
};

const MAX_TITLE_CHARS: usize = 200;
const MAX_DESCRIPTION_CHARS: usize = 20_000;
/// Longest name of a venue or a city, in characters.
pub(crate) const MAX_PLACE_CHARS: usize = 200;
const MAX_EXTERNAL_ID_CHARS: usize = 200;
/// Largest number of tickets of one event.
const MAX_TICKETS: i32 = 1_000_000;
/// Largest number of tickets in one booking.
pub(crate) const MAX_TICKETS_PER_BOOKING: i32 = 10;

/// New values of an event. What is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventChanges {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) venue: Option<String>,
    pub(crate) city: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) starts_at: Option<DateTime<Utc>>,
    pub(crate) ends_at: Option<Option<DateTime<Utc>>>,
    pub(crate) price: Option<Price>,
    pub(crate) total_tickets: Option<i32>,
    pub(crate) max_per_booking: Option<i32>,
    pub(crate) sales_start_at: Option<Option<DateTime<Utc>>>,
    pub(crate) sales_end_at: Option<Option<DateTime<Utc>>>,
    /// What is wrong with values that could not be read, and so are `None`.
    pub(crate) unreadable: Vec<FieldProblem>,
}

impl EventChanges {
    /// Trims the texts and checks each value by itself.
    ///
    /// # Errors
    /// With every wrong value, also those that could not be read.
    pub(crate) fn check(mut self) -> Result<Self, Vec<FieldProblem>> {
        let mut problems = mem::take(&mut self.unreadable);
        let lines = [
            ("title", &mut self.title, 1, MAX_TITLE_CHARS),
            ("venue", &mut self.venue, 1, MAX_PLACE_CHARS),
            ("city", &mut self.city, 0, MAX_PLACE_CHARS),
        ];
        for (field, text, min, max) in lines {
            let Some(text) = text else { continue };
            *text = text.trim().to_owned();
            problems.extend(line_problem(field, text, min, max));
        }
        if let Some(description) = &mut self.description {
            // A form of a web page sends both characters at the end of a line.
            *description = description.replace("\r\n", "\n").trim().to_owned();
            problems.extend(description_problem(description));
        }
        if let Some(time_zone) = &self.time_zone {
            problems.extend(time_zone_problem(time_zone));
        }
        let times = [
            ("startsAt", self.starts_at),
            ("endsAt", self.ends_at.flatten()),
            ("salesStartAt", self.sales_start_at.flatten()),
            ("salesEndAt", self.sales_end_at.flatten()),
        ];
        for (field, time) in times {
            if time.is_some_and(|time| !(1..=9998).contains(&time.year())) {
                let message = format!("{field} must be in the years 1 to 9998.");
                problems.push(FieldProblem::new(field, message));
            }
        }
        let numbers = [
            ("totalTickets", self.total_tickets, 0, MAX_TICKETS),
            ("maxPerBooking", self.max_per_booking, 1, MAX_TICKETS_PER_BOOKING),
        ];
        for (field, number, min, max) in numbers {
            if number.is_some_and(|number| !(min..=max).contains(&number)) {
                let message = format!("{field} must be between {min} and {max}.");
                problems.push(FieldProblem::new(field, message));
            }
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// The event with these values, except for its count and its versions. Times are stored to the
    /// microsecond, as both databases compare them.
    pub(crate) fn apply(&self, event: &event::Model) -> event::Model {
        let mut event = event.clone();
        let set = |target: &mut String, value: &Option<String>| {
            if let Some(value) = value {
                target.clone_from(value);
            }
        };
        set(&mut event.title, &self.title);
        set(&mut event.description, &self.description);
        set(&mut event.venue, &self.venue);
        set(&mut event.city, &self.city);
        set(&mut event.time_zone, &self.time_zone);
        event.title_key = title_key(&event.title);
        event.starts_at = self.starts_at.map_or(event.starts_at, whole_microseconds);
        let optional = |target: &mut Option<DateTime<Utc>>,
                        value: Option<Option<DateTime<Utc>>>| {
            if let Some(value) = value {
                *target = value.map(whole_microseconds);
            }
        };
        optional(&mut event.ends_at, self.ends_at);
        optional(&mut event.sales_start_at, self.sales_start_at);
        optional(&mut event.sales_end_at, self.sales_end_at);
        if let Some(Price { minor, currency }) = &self.price {
            event.price_minor = *minor;
            event.currency.clone_from(currency);
        }
        event.total_tickets = self.total_tickets.unwrap_or(event.total_tickets);
        event.max_per_booking = self.max_per_booking.unwrap_or(event.max_per_booking);
        event
    }
}

/// A draft with these values. The values that a draft needs must be there: `title`, `venue`,
/// `time_zone`, `starts_at`, `price` and `total_tickets`.
pub(crate) fn draft(
    organizer_id: OrganizerId,
    external_id: Option<String>,
    values: &EventChanges,
    now: DateTime<Utc>,
) -> event::Model {
    let empty = event::Model {
        id: EventId::new(),
        organizer_id,
        status: event::Status::Draft,
        is_public: false,
        revision: 1,
        title: String::new(),
        title_key: String::new(),
        description: String::new(),
        venue: String::new(),
        city: String::new(),
        time_zone: "UTC".to_owned(),
        starts_at: now,
        ends_at: None,
        sales_start_at: None,
        sales_end_at: None,
        max_per_booking: MAX_TICKETS_PER_BOOKING,
        total_tickets: 0,
        remaining_tickets: 0,
        count_version: 0,
        price_minor: 0,
        currency: "EUR".to_owned(),
        external_id,
        cancellation_reason: None,
        created_at: whole_microseconds(now),
    };
    let draft = values.apply(&empty);
    event::Model { remaining_tickets: draft.total_tickets, ..draft }
}

/// A draft as everybody may see and book it.
pub(crate) fn published(draft: event::Model) -> event::Model {
    event::Model { status: event::Status::Published, is_public: true, ..draft }
}

/// A rule that an event's values break together, or with what the event was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventProblem {
    StartInPast,
    EndBeforeStart,
    SaleEndsBeforeItStarts,
    SaleStartsAfterEvent,
    /// Tickets are booked in the currency that the event had.
    CurrencyOfBookings,
}

impl EventProblem {
    pub(crate) fn to_field_problem(self) -> FieldProblem {
        let (field, message) = match self {
            Self::StartInPast => ("startsAt", "The start must be in the future."),
            Self::EndBeforeStart => ("endsAt", "The end must be after the start."),
            Self::SaleEndsBeforeItStarts => {
                ("salesEndAt", "The end of the sale must be after its start.")
            }
            Self::SaleStartsAfterEvent => {
                ("salesStartAt", "The sale must start before the event does.")
            }
            Self::CurrencyOfBookings => (
                "price",
                "Tickets are booked in the event's present currency, so it can't change any more.",
            ),
        };
        FieldProblem::new(field, message)
    }
}

/// The rules that `after` breaks. `before` is the event as it was, if it was there.
pub(crate) fn problems(
    before: Option<&event::Model>,
    after: &event::Model,
    now: DateTime<Utc>,
) -> Vec<EventProblem> {
    let is_new_start = before.is_none_or(|before| before.starts_at != after.starts_at);
    let has_other_currency = before.is_some_and(|before| {
        before.currency != after.currency && before.remaining_tickets < before.total_tickets
    });
    let broken = [
        (EventProblem::StartInPast, is_new_start && has_started(after, now)),
        (EventProblem::EndBeforeStart, after.ends_at.is_some_and(|end| end <= after.starts_at)),
        (
            EventProblem::SaleEndsBeforeItStarts,
            after.sales_end_at.is_some_and(|end| after.sales_start_at.is_some_and(|s| end <= s)),
        ),
        (
            EventProblem::SaleStartsAfterEvent,
            after.sales_start_at.is_some_and(|start| start >= after.starts_at),
        ),
        (EventProblem::CurrencyOfBookings, has_other_currency),
    ];
    broken.into_iter().filter(|(_, is_broken)| *is_broken).map(|(problem, _)| problem).collect()
}

/// A problem with an organizer's own name for an event.
pub(crate) fn external_id_problem(external_id: &str) -> Option<FieldProblem> {
    line_problem("externalId", external_id, 1, MAX_EXTERNAL_ID_CHARS)
}

/// A problem with a text of one line.
fn line_problem(field: &str, text: &str, min: usize, max: usize) -> Option<FieldProblem> {
    let chars = text.chars().count();
    let message = if chars < min {
        format!("{field} can't be empty.")
    } else if chars > max {
        format!("{field} can have at most {max} characters.")
    } else if text.contains(is_control) {
        format!("{field} has a character that can't be shown.")
    } else if min > 0 && !text.chars().any(is_visible) {
        format!("{field} needs a character that can be seen.")
    } else {
        return None;
    };
    Some(FieldProblem::new(field, message))
}

fn description_problem(text: &str) -> Option<FieldProblem> {
    let is_hidden = |c: char| c.is_control() && c != '\n' && c != '\t' || is_bidi_control(c);
    let message = if text.chars().nth(MAX_DESCRIPTION_CHARS).is_some() {
        format!("description can have at most {MAX_DESCRIPTION_CHARS} characters.")
    } else if text.contains(is_hidden) {
        "description has a character that can't be shown.".to_owned()
    } else {
        return None;
    };
    Some(FieldProblem::new("description", message))
}

fn time_zone_problem(name: &str) -> Option<FieldProblem> {
    name.parse::<chrono_tz::Tz>().is_err().then(|| {
        let message = "timeZone must be a name of the IANA database, such as Europe/Berlin.";
        FieldProblem::new("timeZone", message)
    })
}

fn whole_microseconds(time: DateTime<Utc>) -> DateTime<Utc> {
    use chrono::SubsecRound;
    time.trunc_subsecs(6)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn values() -> EventChanges {
        EventChanges {
            title: Some("Jazz".to_owned()),
            venue: Some("Blue Door".to_owned()),
            time_zone: Some("Europe/Berlin".to_owned()),
            starts_at: Some(DateTime::UNIX_EPOCH + TimeDelta::days(1)),
            price: Some(Price { minor: 100, currency: "EUR".to_owned() }),
            total_tickets: Some(5),
            ..EventChanges::default()
        }
    }

    fn fields(changes: EventChanges) -> Vec<String> {
        changes.check().unwrap_err().into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn each_wrong_value_is_named() {
        let wrong = EventChanges {
            title: Some(" \u{200b} ".to_owned()),
            description: Some("a\0".to_owned()),
            venue: Some("x".repeat(201)),
            city: Some("a\nb".to_owned()),
            time_zone: Some("Berlin".to_owned()),
            starts_at: Some(DateTime::<Utc>::MAX_UTC),
            total_tickets: Some(-1),
            max_per_booking: Some(11),
            ..EventChanges::default()
        };
        let expected = [
            "title",
            "venue",
            "city",
            "description",
            "timeZone",
            "startsAt",
            "totalTickets",
            "maxPerBooking",
        ];
        assert_eq!(fields(wrong), expected);
        assert!(values().check().is_ok());
    }

    #[test]
    fn texts_are_trimmed_and_lines_end_alike() {
        let changes = EventChanges {
            title: Some("  Jazz ".to_owned()),
            description: Some("One\r\ntwo\n".to_owned()),
            ..EventChanges::default()
        };
        let checked = changes.check().unwrap();
        assert_eq!(checked.title.as_deref(), Some("Jazz"));
        assert_eq!(checked.description.as_deref(), Some("One\ntwo"));
    }

    #[test]
    fn values_must_fit_each_other_and_the_event() {
        let now = DateTime::UNIX_EPOCH;
        let event = draft(OrganizerId::new(), None, &values(), now);
        assert_eq!(problems(None, &event, now), []);
        let changed = |change: &dyn Fn(&mut event::Model)| {
            let mut after = event.clone();
            change(&mut after);
            problems(Some(&event), &after, now)
        };
        assert_eq!(changed(&|e| e.starts_at = now), [EventProblem::StartInPast]);
        assert_eq!(changed(&|e| e.ends_at = Some(e.starts_at)), [EventProblem::EndBeforeStart]);
        assert_eq!(
            changed(&|e| e.sales_start_at = Some(e.starts_at)),
            [EventProblem::SaleStartsAfterEvent]
        );
        assert_eq!(
            changed(&|e| (e.sales_start_at, e.sales_end_at) = (Some(now), Some(now))),
            [EventProblem::SaleEndsBeforeItStarts]
        );
        assert_eq!(changed(&|e| e.currency = "USD".to_owned()), []);
        let sold = event::Model { remaining_tickets: 4, ..event.clone() };
        let dollars = event::Model { currency: "USD".to_owned(), ..sold.clone() };
        assert_eq!(problems(Some(&sold), &dollars, now), [EventProblem::CurrencyOfBookings]);
        // What has begun can still be described anew.
        let later = event.starts_at + TimeDelta::hours(1);
        assert_eq!(problems(Some(&event), &event, later), []);
    }
}
