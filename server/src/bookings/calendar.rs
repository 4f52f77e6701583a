//! Bookings as entries for calendar programs.

use chrono::{DateTime, Utc};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus, Property};
use rowlock_entities::{booking, event};

use super::Reference;
use crate::{
    events::place,
    mail::{self, Method, Postman},
};

/// A booking with its event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) booking: &'a booking::Model,
    pub(crate) event: &'a event::Model,
    /// The name of the event's organizer.
    pub(crate) organizer: &'a str,
}

impl Entry<'_> {
    fn is_cancelled(&self) -> bool {
        self.booking.status == booking::Status::Cancelled
            || self.event.status == event::Status::Cancelled
    }
}

/// The entry as a mail has it: calendar programs add it, change the one that they have, or cancel it.
pub(crate) fn calendar_of_mail(
    entry: Entry<'_>,
    postman: &Postman,
    now: DateTime<Utc>,
) -> mail::Calendar {
    let method = if entry.is_cancelled() { Method::Cancel } else { Method::Publish };
    mail::Calendar { method, file: calendar_file([entry], method, postman, now) }
}

/// A file of the type text/calendar with these entries.
pub(crate) fn calendar_file<'a>(
    entries: impl IntoIterator<Item = Entry<'a>>,
    method: Method,
    postman: &Postman,
    now: DateTime<Utc>,
) -> String {
    let mut calendar = Calendar::empty();
    for (name, value) in [
        ("VERSION", "2.0"),
        ("PRODID", "-//Rowlock//Rowlock//EN"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", method.name()),
    ] {
        calendar.append_property(Property::new(name, value));
    }
    for entry in entries {
        calendar.push(event(entry, postman, now));
    }
    calendar.to_string()
}

fn event(entry: Entry<'_>, postman: &Postman, now: DateTime<Utc>) -> Event {
    let Entry { booking, event, organizer } = entry;
    let url = postman.link(&format!("/bookings/{}", booking.id.0));
    let is_cancelled = entry.is_cancelled();
    // It grows with each edit, and with the cancellation, which is the last that is said.
    let sequence = event.revision.unsigned_abs() + u32::from(is_cancelled);
    let status = if is_cancelled { EventStatus::Cancelled } else { EventStatus::Confirmed };
    let mut entry = Event::new();
    entry
        .uid(&format!("{}@{}", booking.id.0, postman.domain()))
        .sequence(sequence)
        .timestamp(now)
        .status(status)
        .starts(event.starts_at)
        .summary(&event.title)
        .location(&place(event))
        .description(&format!("Booking {}\n{url}", Reference::of(booking.id)))
        .url(&url);
    if let Some(end) = event.ends_at {
        entry.ends(end);
    }
    let mut organizer_property = Property::new("ORGANIZER", format!("mailto:{}", postman.sender()));
    organizer_property.add_parameter("CN", &quoted(organizer));
    entry.append_property(organizer_property.done());
    entry.done()
}

/// A parameter's value. No character in it can end it.
fn quoted(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}\"", text.replace('"', "'"))
}
