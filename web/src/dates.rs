//! Dates and times as the browser writes them, in English. The times of an event are in its own time
//! zone, which is named where the visitor's clock shows another time.

use std::{cell::RefCell, time::Duration};

use futures_timer::Delay;
use js_sys::{Array, Date, Function, Intl::DateTimeFormat, Object, Reflect};
use rowlock_web_operations::{DateTime, events::Event};
use wasm_bindgen::{JsCast, JsValue};

use crate::browser::{locale, object};

/// What a formatter writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    DateAndTime,
    DateAndTimeWithZone,
    Month,
    Day,
}

impl Format {
    fn options(self) -> &'static [(&'static str, &'static str)] {
        const WITH_ZONE: [(&str, &str); 6] = [
            ("year", "numeric"),
            ("month", "long"),
            ("day", "numeric"),
            ("hour", "numeric"),
            ("minute", "2-digit"),
            ("timeZoneName", "shortGeneric"),
        ];
        match self {
            Self::DateAndTime => &WITH_ZONE[..5],
            Self::DateAndTimeWithZone => &WITH_ZONE,
            Self::Month => &[("month", "short")],
            Self::Day => &[("day", "numeric")],
        }
    }
}

thread_local! {
    /// Formatters with their formats and time zones. They are kept, because creating one takes a
    /// browser longer than rendering a card.
    static FORMATTERS: RefCell<Vec<(Format, String, DateTimeFormat)>> = RefCell::default();
}

/// The visitor's time zone, where a zone is wanted.
const HERE: &str = "";

/// For example "March 15, 2026 at 10:00 AM", in the visitor's time zone.
pub(crate) fn time_here(time: &DateTime) -> String {
    written(Format::DateAndTime, HERE, &time.0, None)
}

/// For example "March 15, 2026 at 10:00 AM Germany Time".
pub(crate) fn time_in(time: &DateTime, zone: &str) -> String {
    span_in(&time.0, None, zone)
}

/// When an event takes place: its start or, if its end is known, "March 15, 2026, 7:00 – 10:00 PM".
pub(crate) fn time_of(event: &Event) -> String {
    let ends_at = event.ends_at.as_ref().map(|ends_at| ends_at.0.as_str());
    span_in(&event.starts_at.0, ends_at, &event.time_zone)
}

fn span_in(start: &str, end: Option<&str>, zone: &str) -> String {
    let there = written(Format::DateAndTime, zone, start, end);
    match there == written(Format::DateAndTime, HERE, start, end) {
        true => there,
        false => written(Format::DateAndTimeWithZone, zone, start, end),
    }
}

/// The month and the day on which an event starts, for example "Mar" and "15".
pub(crate) fn month_and_day(event: &Event) -> (String, String) {
    let part = |format| written(format, &event.time_zone, &event.starts_at.0, None);
    (part(Format::Month), part(Format::Day))
}

/// Creates the formatters for these events' time zones. Each takes a browser some time, so each zone
/// has a task of its own and the browser can paint in between.
pub(crate) async fn prepare<'a>(events: impl Iterator<Item = &'a Event>) {
    for event in events {
        if known_formatter(Format::Month, &event.time_zone).is_none() {
            Delay::new(Duration::ZERO).await;
            month_and_day(event);
            time_of(event);
        }
    }
}

fn written(format: Format, zone: &str, start: &str, end: Option<&str>) -> String {
    let formatter = formatter(format, zone);
    let start_date = date(start);
    let text = match end {
        Some(end) => formatter.format_range(&start_date, &date(end)).ok().map(String::from),
        None => {
            let text = formatter.format().call1(&JsValue::UNDEFINED, &start_date);
            text.ok().and_then(|text| text.as_string())
        }
    };
    text.unwrap_or_else(|| start.to_owned())
}

fn formatter(format: Format, zone: &str) -> DateTimeFormat {
    known_formatter(format, zone).unwrap_or_else(|| {
        let created = created(format, zone);
        let entry = (format, zone.to_owned(), created.clone());
        FORMATTERS.with_borrow_mut(|formatters| formatters.push(entry));
        created
    })
}

fn known_formatter(format: Format, zone: &str) -> Option<DateTimeFormat> {
    FORMATTERS.with_borrow(|formatters| {
        let mut formatters = formatters.iter();
        let known = formatters.find(|known| known.0 == format && known.1 == zone)?;
        Some(known.2.clone())
    })
}

/// A new formatter. An old browser may not know the time zone; the times are in UTC then.
fn created(format: Format, zone: &str) -> DateTimeFormat {
    let with_zone = |zone: &str| -> Result<JsValue, JsValue> {
        let mut options = format.options().to_vec();
        if zone != HERE {
            options.push(("timeZone", zone));
        }
        let parameters = Array::of2(&locale(), &object(&options));
        // The constructor's own binding would end the program where the browser throws.
        let constructor: Function = Reflect::get(&js_sys::global(), &"Intl".into())
            .and_then(|intl| Reflect::get(&intl, &"DateTimeFormat".into()))?
            .unchecked_into();
        Reflect::construct(&constructor, &parameters)
    };
    match with_zone(zone).or_else(|_| with_zone("UTC")) {
        Ok(formatter) => formatter.unchecked_into(),
        Err(_) => DateTimeFormat::new(&Array::new(), &Object::new()),
    }
}

fn date(rfc3339: &str) -> Date {
    Date::new(&JsValue::from_str(rfc3339))
}
