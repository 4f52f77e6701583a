//! When and where events take place, in words.

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;
use rowlock_entities::event;

/// The venue and its city.
pub(crate) fn place(event: &event::Model) -> String {
    match event.city.as_str() {
        "" => event.venue.clone(),
        city => format!("{}, {city}", event.venue),
    }
}

/// Whether a date has its year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Year {
    Always,
    /// Only in another year than this time's.
    IfOther(DateTime<Utc>),
}

/// When the event takes place, in its own time zone. Which one the reader has is not known here, so
/// it is always named.
pub(crate) fn time_in_words(event: &event::Model, year: Year) -> String {
    let zone = event.time_zone.parse().unwrap_or(Tz::UTC);
    let start = event.starts_at.with_timezone(&zone);
    let date = |time: &DateTime<Tz>| {
        let with_year = match year {
            Year::Always => true,
            Year::IfOther(now) => time.year() != now.with_timezone(&zone).year(),
        };
        time.format(if with_year { "%a, %b %-d, %Y" } else { "%a, %b %-d" }).to_string()
    };
    let clock = |time: &DateTime<Tz>| time.format("%-I:%M %p").to_string();
    let end = event.ends_at.map(|end| end.with_timezone(&zone));
    let end = end.map(|end| match date(&end) == date(&start) {
        true => format!(" – {}", clock(&end)),
        false => format!(" – {} · {}", date(&end), clock(&end)),
    });
    let city = event.time_zone.rsplit('/').next().unwrap_or_default().replace('_', " ");
    let end = end.unwrap_or_default();
    format!("{} · {}{end} ({city})", date(&start), clock(&start))
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone};
    use rowlock_entities::OrganizerId;

    use super::*;
    use crate::events::{EventChanges, draft};

    #[test]
    fn times_are_those_of_the_event() {
        let now = Utc.with_ymd_and_hms(2026, 11, 26, 12, 0, 0).unwrap();
        let values = EventChanges {
            time_zone: Some("America/New_York".into()),
            starts_at: Some(now + Duration::hours(250)),
            ..EventChanges::default()
        };
        let mut event = draft(OrganizerId::new(), None, &values, now);
        let time = |event: &event::Model| time_in_words(event, Year::IfOther(now));
        assert_eq!(time(&event), "Sun, Dec 6 · 5:00 PM (New York)");
        event.ends_at = Some(event.starts_at + Duration::hours(3));
        assert_eq!(time(&event), "Sun, Dec 6 · 5:00 PM – 8:00 PM (New York)");
        assert_eq!(
            time_in_words(&event, Year::Always),
            "Sun, Dec 6, 2026 · 5:00 PM – 8:00 PM (New York)"
        );
        event.ends_at = Some(event.starts_at + Duration::days(30));
        assert_eq!(time(&event), "Sun, Dec 6 · 5:00 PM – Tue, Jan 5, 2027 · 5:00 PM (New York)");
    }
}
