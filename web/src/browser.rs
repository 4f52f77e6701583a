//! What only a browser knows: the visitor's language, zone and clock, and chance.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use futures_timer::Delay;
use js_sys::{Array, Date, Function, Intl, Object, Reflect};
use leptos::prelude::{document, window};
use rowlock_web_operations::events::Money;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{FocusOptions, HtmlElement};

use crate::money::Amount;

thread_local! {
    // Making one takes a browser longer than making a card.
    static DATE_AND_TIME: Function = date_format(&[("dateStyle", "long"), ("timeStyle", "short")]);
    static MONTH: Function = date_format(&[("month", "short")]);
    static DAY: Function = date_format(&[("day", "numeric")]);
    /// By currency.
    static PRICES: RefCell<HashMap<String, Function>> = RefCell::default();
}

/// Such as "March 15, 2026 at 10:00 AM", in the visitor's own zone and language.
pub(crate) fn date_and_time(rfc3339: &str) -> String {
    DATE_AND_TIME.with(|format| date(format, rfc3339))
}

/// Such as "Mar" and "15".
pub(crate) fn month_and_day(rfc3339: &str) -> (String, String) {
    (MONTH.with(|format| date(format, rfc3339)), DAY.with(|format| date(format, rfc3339)))
}

fn date_format(options: &[(&str, &str)]) -> Function {
    Intl::DateTimeFormat::new(&Array::new(), &object(options)).format()
}

fn date(format: &Function, rfc3339: &str) -> String {
    let date = Date::new(&JsValue::from_str(rfc3339));
    text(format.call1(&JsValue::UNDEFINED, &date)).unwrap_or_else(|| rfc3339.to_owned())
}

/// What so many tickets cost, such as "€99.80", as the visitor's language writes it.
pub(crate) fn price(one: &Money, tickets: u8) -> String {
    let Some(amount) = Amount::parse(&one.amount.0) else {
        return format!("{} {}", one.amount.0, one.currency);
    };
    if amount.is_free() {
        return "Free".to_owned();
    }
    // As text, since a JavaScript number could round it.
    let decimal = amount.times(tickets).decimal();
    let written =
        price_format(&one.currency).call1(&JsValue::UNDEFINED, &JsValue::from_str(&decimal));
    text(written).unwrap_or_else(|| format!("{decimal} {}", one.currency))
}

/// Makes ready to write prices in these currencies. The first price in each takes a browser several
/// milliseconds, so it gets to do other things in between.
pub(crate) async fn prepare_prices<'a>(prices: impl Iterator<Item = &'a Money>) {
    for Money { currency, .. } in prices {
        if PRICES.with_borrow(|formats| !formats.contains_key(currency)) {
            Delay::new(Duration::ZERO).await;
            price_format(currency);
        }
    }
    Delay::new(Duration::ZERO).await;
}

fn price_format(currency: &str) -> Function {
    if let Some(format) = PRICES.with_borrow(|formats| formats.get(currency).cloned()) {
        return format;
    }
    let options = object(&[("style", "currency"), ("currency", currency)]);
    let format = Intl::NumberFormat::new(&Array::new(), &options).format();
    PRICES.with_borrow_mut(|formats| formats.insert(currency.to_owned(), format.clone()));
    format
}

/// The moment that it is here, in RFC 3339 in UTC.
pub(crate) fn now() -> String {
    Date::new_0().to_iso_string().into()
}

/// A text that nobody else has: 128 random bits.
pub(crate) fn random_key() -> String {
    let mut bytes = [0; 16];
    if let Ok(crypto) = window().crypto() {
        // It fails only for more bytes than these.
        let _ = crypto.get_random_values_with_u8_array(&mut bytes);
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names the page in the browser's tab and history.
pub(crate) fn set_title(page: &str) {
    document().set_title(&format!("{page} · Rowlock"));
}

/// How long until that moment; negative when it is past.
pub(crate) fn millis_until(rfc3339: &str) -> f64 {
    Date::new(&JsValue::from_str(rfc3339)).get_time() - Date::now()
}

/// The language that dates and prices are written in.
pub(crate) fn language() -> Option<String> {
    window().navigator().language()
}

/// Whether something has the focus; it falls to the body when what had it is gone.
pub(crate) fn has_focus() -> bool {
    document().active_element().is_some_and(|element| element.tag_name() != "BODY")
}

/// Gives the focus to the element of that id, where it had been on one that is gone.
pub(crate) fn focus(id: &str) {
    if let Some(element) = document().get_element_by_id(id) {
        focus_on(element.unchecked_ref());
    }
}

/// Gives it the focus, and leaves the page where it is scrolled to: the router scrolls to the top of a page
/// that was come to by a link, and only of such.
pub(crate) fn focus_on(element: &HtmlElement) {
    let options = FocusOptions::new();
    options.set_prevent_scroll(true);
    // It is in the page, so it can have the focus.
    let _ = element.focus_with_options(&options);
}

/// Where the page is, without the site: path and query.
pub(crate) fn path_and_query() -> String {
    let location = window().location();
    let path = location.pathname().unwrap_or_default();
    path + &location.search().unwrap_or_default()
}

fn object(entries: &[(&str, &str)]) -> Object {
    let object = Object::new();
    for (name, value) in entries {
        // Setting a property of a plain object can't fail.
        let _ = Reflect::set(&object, &JsValue::from_str(name), &JsValue::from_str(value));
    }
    object
}

fn text(value: Result<JsValue, JsValue>) -> Option<String> {
    value.ok()?.as_string()
}
