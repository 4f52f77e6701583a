//! Time zones as the browser knows them.

use std::{cell::RefCell, collections::HashMap};

use js_sys::{Array, Date, Function, Intl, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use super::{
    form_check::Surroundings,
    wall_time::{WallTime, moment_of},
};
use crate::browser;

/// The length of a day: "2026-03-15".
const LEN_OF_DAY: usize = 10;

thread_local! {
    /// Formatters by zone, because creating one takes a browser some time. `None` for names that are
    /// no zones.
    static CLOCKS: RefCell<HashMap<String, Option<Function>>> = RefCell::default();
}

/// What the rules of the form need to know, as the browser knows it.
pub(super) fn surroundings() -> Surroundings<'static> {
    Surroundings { offset: &offset, now: browser::now() }
}

/// What the clocks of a zone are ahead of UTC at a moment, in seconds. `None` if there is no such
/// zone.
pub(super) fn offset(zone: &str, moment: i64) -> Option<i64> {
    let clock = CLOCKS.with_borrow_mut(|clocks| {
        clocks.entry(zone.to_owned()).or_insert_with(|| clock(zone)).clone()
    })?;
    let date = Date::new(&JsValue::from_f64(moment as f64 * 1_000.0));
    let shown = clock.call1(&JsValue::UNDEFINED, &date).ok()?.as_string()?;
    // For example "3/15/2026, 22:00:00".
    let numbers: Vec<i64> = shown
        .split(|char: char| !char.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    let [month, day, year, hour, minute, second] = numbers.as_slice() else { return None };
    let as_utc = Date::utc(*year as f64, *month as f64 - 1.0);
    let days = as_utc / 86_400_000.0 + *day as f64 - 1.0;
    Some(days as i64 * 86_400 + hour * 3_600 + minute * 60 + second - moment)
}

/// The day of a time on the clocks of a zone, for example "2026-03-15".
pub(super) fn day_in(rfc3339: &str, zone: &str) -> String {
    let wall = moment_of(rfc3339)
        .and_then(|moment| Some(WallTime::at(moment, offset(zone, moment)?).to_input()));
    let mut day = wall.unwrap_or_else(|| rfc3339.to_owned());
    day.truncate(LEN_OF_DAY);
    day
}

/// The visitor's own zone.
pub(super) fn own_zone() -> String {
    let zone = browser_zone().and_then(|zone| zone.as_string());
    zone.unwrap_or_else(|| "UTC".to_owned())
}

/// The names of all zones, the visitor's own first.
pub(super) fn all_zones() -> Vec<String> {
    let own = own_zone();
    let others = supported_zones().into_iter().filter(|zone| *zone != own);
    std::iter::once(own.clone()).chain(others).collect()
}

fn clock(zone: &str) -> Option<Function> {
    let options = Object::new();
    let numeric = ["year", "month", "day", "hour", "minute", "second"];
    let fields = numeric.map(|field| (field, "numeric"));
    for (name, value) in fields.into_iter().chain([("timeZone", zone), ("hourCycle", "h23")]) {
        Reflect::set(&options, &name.into(), &value.into()).ok()?;
    }
    // `Intl::DateTimeFormat::new` would end the program if there is no such zone.
    let constructor = intl("DateTimeFormat")?;
    let arguments = Array::of2(&"en-US".into(), &options);
    let format = Reflect::construct(&constructor, &arguments).ok()?;
    Some(format.unchecked_into::<Intl::DateTimeFormat>().format())
}

fn browser_zone() -> Option<JsValue> {
    let format = Intl::DateTimeFormat::new(&Array::new(), &Object::new());
    Reflect::get(&format.resolved_options(), &"timeZone".into()).ok()
}

/// Empty in browsers that have no such list.
fn supported_zones() -> Vec<String> {
    let list = || {
        let found = intl("supportedValuesOf")?.call1(&JsValue::UNDEFINED, &"timeZone".into());
        found.ok()?.dyn_into::<Array>().ok()
    };
    list()
        .map(|zones| zones.iter().filter_map(|zone| zone.as_string()).collect())
        .unwrap_or_default()
}

/// A function of the browser's `Intl`.
fn intl(name: &str) -> Option<Function> {
    let intl = Reflect::get(&js_sys::global(), &"Intl".into()).ok()?;
    Reflect::get(&intl, &name.into()).ok()?.dyn_into().ok()
}
