//! Dates and times in short English, as tickets have them. The times of an event are in its own time
//! zone, which is named where the visitor's clock shows another time.

use std::{cell::RefCell, time::Duration};

use futures_timer::Delay;
use js_sys::{Array, Date, Function, Intl::DateTimeFormat, Object, Reflect};
use rowlock_web_operations::{DateTime, events::Event};
use wasm_bindgen::{JsCast, JsValue};

use crate::browser::{self, locale, object};

/// What a formatter writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// A time in the current year.
    ThisYear,
    /// A time in another year.
    OtherYear,
}

impl Format {
    fn options(self) -> &'static [(&'static str, &'static str)] {
        const ALL: [(&str, &str); 6] = [
            ("weekday", "short"),
            ("month", "short"),
            ("day", "numeric"),
            ("hour", "numeric"),
            ("minute", "2-digit"),
            ("year", "numeric"),
        ];
        match self {
            Self::ThisYear => &ALL[..5],
            Self::OtherYear => &ALL,
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

/// The parts of a time, as they are written.
#[derive(Default, PartialEq)]
struct Written {
    /// For example "Sat, Dec 5".
    date: String,
    /// For example "6:30 PM".
    time: String,
    month: String,
    day: String,
}

impl Written {
    fn date_and_time(&self) -> String {
        match self.time.as_str() {
            "" => self.date.clone(),
            time => format!("{}\u{a0}· {time}", self.date),
        }
    }
}

/// For example "Sun, Mar 15 · 10:00 AM", in the visitor's time zone.
pub(crate) fn time_here(time: &DateTime) -> String {
    written(HERE, &time.0).date_and_time()
}

/// For example "Sun, Mar 15 · 10:00 AM (Berlin)".
pub(crate) fn time_in(time: &DateTime, zone: &str) -> String {
    let there = written(zone, &time.0);
    with_zone(there.date_and_time(), &there, &time.0, zone)
}

/// A time in a time zone, without its date if that is today's there. For example "7:42 PM".
pub(crate) fn time_of_today_in(time: &DateTime, zone: &str) -> String {
    let there = written(zone, &time.0);
    match there.date == written(zone, &browser::now()).date {
        true => there.time,
        false => there.date_and_time(),
    }
}

/// When an event starts, for example "Sat, Dec 5 · 6:30 PM (New York)".
pub(crate) fn start_of(event: &Event) -> String {
    time_in(&event.starts_at, &event.time_zone)
}

/// When an event takes place: its start and, if it is known, its end. For example
/// "Sat, Dec 5 · 6:30 PM – 10:00 PM (New York)".
pub(crate) fn span_of(event: &Event) -> String {
    let Some(ends_at) = &event.ends_at else { return start_of(event) };
    let start = written(&event.time_zone, &event.starts_at.0);
    let end = written_as(format_of(&event.starts_at.0), &event.time_zone, &ends_at.0);
    let end = if end.date == start.date { end.time } else { end.date_and_time() };
    let span = format!("{} – {end}", start.date_and_time());
    with_zone(span, &start, &event.starts_at.0, &event.time_zone)
}

/// When an event starts by the visitor's clock, where that shows another time. For example
/// "12:30 AM on Sun, Dec 6, your time".
pub(crate) fn start_here(event: &Event) -> Option<String> {
    let there = written(&event.time_zone, &event.starts_at.0);
    let here = written(HERE, &event.starts_at.0);
    if here == there {
        return None;
    }
    Some(match here.date == there.date {
        true => format!("{}, your time", here.time),
        false => format!("{} on {}, your time", here.time, here.date),
    })
}

/// The month and the day on which an event starts, for example "Mar" and "15".
pub(crate) fn month_and_day(event: &Event) -> (String, String) {
    let Written { month, day, .. } = written(&event.time_zone, &event.starts_at.0);
    (month, day)
}

/// The weekend that is or comes, by the visitor's clock: from now or Saturday's start to Monday's.
pub(crate) fn weekend() -> (DateTime, Option<DateTime>) {
    let now = Date::new_0();
    let to_saturday = match now.get_day() {
        0 => -1,
        day => 6 - day as i32,
    };
    let day = |days: i32| {
        let day = now.get_date() as i32 + to_saturday + days;
        Date::new_with_year_month_day(now.get_full_year(), now.get_month() as i32, day)
    };
    let saturday = day(0);
    let start = if saturday.get_time() < now.get_time() { &now } else { &saturday };
    (date_time(start), Some(date_time(&day(2))))
}

/// So many days before a time, but not before now.
pub(crate) fn days_before(time: &DateTime, days: i32) -> DateTime {
    const DAY_MILLIS: f64 = 86_400_000.0;
    let before = Date::new(&JsValue::from_str(&time.0)).get_time() - DAY_MILLIS * f64::from(days);
    date_time(&Date::new(&JsValue::from_f64(before.max(Date::now()))))
}

fn date_time(date: &Date) -> DateTime {
    DateTime(date.to_iso_string().into())
}

/// Names the time zone, by its city, where the visitor's clock shows another time.
fn with_zone(text: String, there: &Written, time: &str, zone: &str) -> String {
    if *there == written(HERE, time) {
        return text;
    }
    let city = zone.rsplit('/').next().unwrap_or_default().replace('_', " ");
    format!("{text} ({city})")
}

/// Creates the formatters for these events' time zones. Each takes a browser some time, so each zone
/// has a task of its own and the browser can paint in between.
pub(crate) async fn prepare<'a>(events: impl Iterator<Item = &'a Event>) {
    for event in events {
        let format = format_of(&event.starts_at.0);
        if known_formatter(format, &event.time_zone).is_none() {
            Delay::new(Duration::ZERO).await;
            start_of(event);
        }
    }
}

fn format_of(time: &str) -> Format {
    match time.get(..4) == browser::now().get(..4) {
        true => Format::ThisYear,
        false => Format::OtherYear,
    }
}

fn written(zone: &str, time: &str) -> Written {
    written_as(format_of(time), zone, time)
}

fn written_as(format: Format, zone: &str, time: &str) -> Written {
    let date = Date::new(&JsValue::from_str(time));
    // An organizer may not have entered a time yet. A browser's formatter throws then.
    if date.get_time().is_nan() {
        return Written { date: time.to_owned(), ..Written::default() };
    }
    let formatter = formatter(format, zone);
    let mut found = Written::default();
    let mut between = String::new();
    for part in formatter.format_to_parts(&date).iter() {
        let text = |name: &str| {
            let value = Reflect::get(&part, &name.into()).ok();
            value.and_then(|value| value.as_string()).unwrap_or_default()
        };
        let (kind, value) = (text("type"), text("value"));
        match kind.as_str() {
            "month" => found.month.clone_from(&value),
            "day" => found.day.clone_from(&value),
            _ => {}
        }
        let is_of_time = !found.time.is_empty() || kind == "hour";
        let target = if is_of_time { &mut found.time } else { &mut found.date };
        // What is between date and time belongs to neither.
        match kind.as_str() {
            "literal" => between = value,
            _ => {
                if !target.is_empty() {
                    // No line breaks within a time.
                    target.push_str(if is_of_time && between == " " { "\u{a0}" } else { &between });
                }
                target.push_str(&value);
            }
        }
    }
    found
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
