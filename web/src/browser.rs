//! Wrappers around the browser's own functions: numbers and prices in English, the clock, random
//! numbers, focus, address and storage.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use futures_timer::Delay;
use js_sys::{Array, Date, Function, Intl, JsString, Object, Reflect};
use leptos::prelude::{document, set_timeout, window};
use rowlock_web_operations::events::Money;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, FocusOptions, HtmlAnchorElement, HtmlElement, Storage, Url, VisibilityState};

use crate::{language::english_variant, money::Amount, program::Program};

/// How long a saved file's address stays valid. A browser may read the file long after the click.
const ADDRESS_LIFETIME: Duration = Duration::from_secs(60);

/// The price of a ticket that costs nothing.
pub(crate) const FREE: &str = "Free";

thread_local! {
    /// Whether another page is being loaded in place of this one.
    static IS_LEAVING: Cell<bool> = const { Cell::new(false) };
    // Formatters are kept, because creating one takes a browser longer than rendering a card.
    static NUMBER: Function = number_format(&[]);
    /// Formatters by currency.
    static PRICES: RefCell<Vec<(String, Function)>> = RefCell::default();
    /// The kind of English that dates and numbers are written in.
    static LOCALE: JsValue = {
        let preferred = window().navigator().languages();
        english_variant(preferred.iter().filter_map(|language| language.as_string())).into()
    };
}

/// The kind of English that dates and numbers are written in.
pub(crate) fn locale() -> JsValue {
    LOCALE.with(JsValue::clone)
}

fn number_format(options: &[(&str, &str)]) -> Function {
    Intl::NumberFormat::new(&Array::of1(&locale()), &object(options)).format()
}

/// For example "12,000".
pub(crate) fn number(number: i32) -> String {
    let written = NUMBER.with(|format| format.call1(&JsValue::UNDEFINED, &JsValue::from(number)));
    text(written).unwrap_or_else(|| number.to_string())
}

/// The price of some tickets, for example "€99.80".
pub(crate) fn price(one: &Money, tickets: u8) -> String {
    let Some(amount) = Amount::parse(&one.amount.0) else {
        return format!("{} {}", one.amount.0, one.currency);
    };
    match amount.is_free() {
        true => FREE.to_owned(),
        false => written_amount(&amount.times(tickets).to_decimal(), &one.currency),
    }
}

/// An amount of money that is no price, for example "€0.00".
pub(crate) fn money(money: &Money) -> String {
    written_amount(&money.amount.0, &money.currency)
}

fn written_amount(decimal: &str, currency: &str) -> String {
    // A string, because a JavaScript number could be rounded.
    let written =
        price_format(currency, decimal).call1(&JsValue::UNDEFINED, &JsValue::from_str(decimal));
    text(written).unwrap_or_else(|| format!("{decimal} {currency}"))
}

/// Creates the price formatters for these currencies. Each takes a browser several milliseconds, so
/// each is created in a task of its own and the browser can paint in between.
pub(crate) async fn prepare_prices<'a>(prices: impl Iterator<Item = &'a Money>) {
    for Money { currency, amount } in prices {
        if known_price_format(currency).is_none() {
            Delay::new(Duration::ZERO).await;
            price_format(currency, &amount.0);
        }
    }
    Delay::new(Duration::ZERO).await;
}

/// The format of a currency whose amounts have as many decimals as this one. By itself, a browser
/// would round amounts of currencies whose decimals are out of use, such as HUF.
fn price_format(currency: &str, amount: &str) -> Function {
    known_price_format(currency).unwrap_or_else(|| {
        let decimals = amount.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let format = number_format(&[
            ("style", "currency"),
            ("currency", currency),
            ("minimumFractionDigits", &decimals.to_string()),
        ]);
        PRICES.with_borrow_mut(|formats| formats.push((currency.to_owned(), format.clone())));
        format
    })
}

fn known_price_format(currency: &str) -> Option<Function> {
    PRICES.with_borrow(|formats| {
        let known = formats.iter().find(|(known, _)| known == currency)?;
        Some(known.1.clone())
    })
}

/// The text in lower case.
pub(crate) fn lower_case(text: &str) -> String {
    JsString::from(text).to_lower_case().into()
}

/// The current time by the browser's clock, in RFC 3339 in UTC.
pub(crate) fn now() -> String {
    Date::new_0().to_iso_string().into()
}

/// 128 random bits in hexadecimal.
pub(crate) fn random_key() -> String {
    let mut bytes = [0; 16];
    if let Ok(crypto) = window().crypto() {
        // It fails only for more than 65,536 bytes.
        let _ = crypto.get_random_values_with_u8_array(&mut bytes);
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What became of an address that the visitor wants to share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shared {
    /// The browser shows its own ways to share.
    Offered,
    Copied,
    /// The browser has no way to share, and may not copy.
    Refused,
}

/// Offers to share the address of a page. Where the browser has no way to do that, the address is
/// copied.
pub(crate) async fn share(title: &str, path: &str) -> Shared {
    let navigator = window().navigator();
    let url = window().location().origin().unwrap_or_default() + path;
    let share = Reflect::get(&navigator, &"share".into()).ok();
    if let Some(share) = share.and_then(|share| share.dyn_into::<Function>().ok()) {
        // The user may close it; nothing has to be done then.
        let _ = share.call1(&navigator, &object(&[("title", title), ("url", &url)]));
        return Shared::Offered;
    }
    match copy(&url).await {
        true => Shared::Copied,
        false => Shared::Refused,
    }
}

/// Copies a text. False if the browser does not let this page copy.
pub(crate) async fn copy(text: &str) -> bool {
    let navigator = window().navigator();
    // Pages that were not loaded over HTTPS have no clipboard.
    let clipboard = Reflect::get(&navigator, &"clipboard".into());
    if !clipboard.is_ok_and(|clipboard| clipboard.is_object()) {
        return false;
    }
    JsFuture::from(navigator.clipboard().write_text(text)).await.is_ok()
}

/// Lets the browser save a file for calendar programs. Its address holds the whole file.
pub(crate) fn save_calendar_file(text: &str) {
    let text = js_sys::encode_uri_component(text);
    save(&format!("data:text/calendar;charset=utf-8,{text}"), "event.ics");
}

/// Lets the browser save a file under a name.
pub(crate) fn save_file(file: &Blob, name: &str) -> Option<()> {
    let url = Url::create_object_url_with_blob(file).ok()?;
    save(&url, name);
    set_timeout(
        move || {
            // It fails only for a text that is no address.
            let _ = Url::revoke_object_url(&url);
        },
        ADDRESS_LIFETIME,
    );
    Some(())
}

fn save(url: &str, name: &str) {
    let Ok(link) = document().create_element("a") else { return };
    let link = link.unchecked_into::<HtmlAnchorElement>();
    link.set_href(url);
    link.set_download(name);
    link.click();
}

/// The relation of a link to this path. The browser itself follows a link to a page of another
/// program.
pub(crate) fn rel_of(path: &str) -> Option<&'static str> {
    (Program::of(path) != this_program()).then_some("external")
}

pub(crate) fn is_page_visible() -> bool {
    document().visibility_state() == VisibilityState::Visible
}

/// Focuses the first element that matches.
pub(crate) fn focus_first(css: &str) {
    let found = document().query_selector(css).ok().flatten();
    if let Some(element) = found.and_then(|found| found.dyn_into::<HtmlElement>().ok()) {
        // An element in the page can be focused.
        let _ = element.focus();
    }
}

/// Sets the title in the browser's tab and history.
pub(crate) fn set_title(page: &str) {
    document().set_title(&format!("{page} · Rowlock"));
}

/// Removes what the server wrote about the page that was loaded, because it is not true of others. A
/// browser would share the wrong address.
pub(crate) fn remove_description_of_loaded_page() {
    const WRITTEN: &str = "link[rel=canonical], meta[name=description], meta[property^='og:'], \
                           meta[name^='twitter:'], script[type='application/ld+json']";
    while let Ok(Some(element)) = document().query_selector(WRITTEN) {
        element.remove();
    }
}

/// Milliseconds from now until the time; negative if it has passed.
pub(crate) fn millis_until(rfc3339: &str) -> f64 {
    Date::new(&JsValue::from_str(rfc3339)).get_time() - Date::now()
}

/// Whether an element has the focus. When a focused element is removed, the browser moves the focus
/// to the body. One in a dialog that was closed keeps it a little longer.
pub(crate) fn has_focus() -> bool {
    document().active_element().is_some_and(|element| {
        let closed = element.closest("dialog:not([open])").ok().flatten();
        element.tag_name() != "BODY" && closed.is_none()
    })
}

/// Focuses the element with this id, after the focused element was removed.
pub(crate) fn focus(id: &str) {
    if let Some(element) = document().get_element_by_id(id) {
        focus_on(element.unchecked_ref());
    }
}

/// Focuses an element without scrolling. Only the router scrolls: to the top, after a link was
/// followed.
pub(crate) fn focus_on(element: &HtmlElement) {
    let options = FocusOptions::new();
    options.set_prevent_scroll(true);
    // An element in the page can be focused.
    let _ = element.focus_with_options(&options);
}

/// The page's address without its origin.
pub(crate) fn path_and_query() -> String {
    path() + &window().location().search().unwrap_or_default()
}

/// The program that this page runs.
pub(crate) fn this_program() -> Program {
    Program::of(&path())
}

/// Loads another page in place of this one, so "back" skips this one. The first call counts: what
/// signs the user out leads to a page, and so does the page that is only for signed-in people.
pub(crate) fn load_instead(path: &str) {
    if !IS_LEAVING.replace(true) {
        // A path of this origin can be loaded.
        let _ = window().location().replace(path);
    }
}

/// The page's address without its origin and its query.
pub(crate) fn path() -> String {
    window().location().pathname().unwrap_or_default()
}

/// A parameter in the fragment of the page's address. Browsers send no fragment to any server.
pub(crate) fn fragment_parameter(name: &str) -> Option<String> {
    let fragment = window().location().hash().ok()?;
    let mut parameters = form_urlencoded::parse(fragment.trim_start_matches('#').as_bytes());
    let (_, value) = parameters.find(|(found, _)| found == name)?;
    Some(value.into_owned()).filter(|value| !value.is_empty())
}

/// The storage that survives a reload of the tab. `None` where storage is forbidden.
pub(crate) fn session_storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

/// Storage that all tabs of this origin share, and that outlives them.
pub(crate) fn local_storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

/// A JavaScript object with these properties.
pub(crate) fn object(entries: &[(&str, &str)]) -> Object {
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
