//! One event in the list, with its live count.

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use crate::{
    api::queries::{Event, Money},
    tickets::Tickets,
};

#[component]
pub(crate) fn EventCard(event: Event, tickets: RwSignal<Tickets>) -> impl IntoView {
    let Event { id, title, venue, starts_at, price, .. } = event;
    let when = local_date_time(&starts_at.0);
    view! {
        <article class="card" data-event-id=id.into_inner()>
            <h2>{title}</h2>
            <p class="when">
                <time datetime=starts_at.0>{when}</time>
            </p>
            <p class="where">{venue}</p>
            <div class="card-foot">
                <span class="price">{local_price(&price)}</span>
                <span class=move || format!("badge badge-{}", tickets.get().level().name())>
                    {move || tickets.get().in_words()}
                </span>
            </div>
        </article>
    }
}

/// Such as "March 15, 2026 at 10:00 AM", in the visitor's own zone and language.
fn local_date_time(rfc3339: &str) -> String {
    let options = js_sys::Object::new();
    for (name, value) in [("dateStyle", "long"), ("timeStyle", "short")] {
        // Setting a property of a plain object can't fail.
        let _ = js_sys::Reflect::set(&options, &name.into(), &value.into());
    }
    js_sys::Date::new(&JsValue::from_str(rfc3339)).to_locale_string("default", &options).into()
}

/// The amount as it was sent, exact, beside its currency.
fn local_price(price: &Money) -> String {
    if price.amount.0.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        return "Free".to_owned();
    }
    format!("{} {}", price.amount.0, price.currency)
}
