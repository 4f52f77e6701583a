//! The search field, the choice of order, and what narrows the list down.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use rowlock_web_operations::{Decimal, events::Money};

use crate::{
    browser,
    components::search_field::SearchField,
    event_list::{Filters, ListParams, MAX_SEARCH_CHARS, SortOrder},
};

/// All change the address, and the list follows the address.
#[component]
pub(super) fn Controls(
    params: Memo<ListParams>,
    /// A small price, for a list of events below it.
    small_price: Memo<Option<Money>>,
    /// The cities that have events.
    cities: Memo<Vec<String>>,
) -> impl IntoView {
    let navigate = use_navigate();
    let go = move |to: ListParams, replace: bool| {
        let options = NavigateOptions { replace, scroll: false, ..Default::default() };
        if to != params.get_untracked() {
            navigate(&to.path(), options);
        }
    };
    let search = {
        let go = go.clone();
        move |text: &str| {
            let Some(current) = params.try_get_untracked() else { return };
            // Refining a search replaces its entry in the history, so "back" leads to the whole
            // list instead of through each letter.
            let is_refined = !current.search.is_empty();
            go(current.with_search(text), is_refined);
        }
    };
    let searched = Memo::new(move |_| params.with(|params| params.search.clone()));
    view! {
        <search class="controls">
            <SearchField
                label="Search events"
                max_chars=MAX_SEARCH_CHARS
                searched
                search
            />
            <label class="order">
                <span>"Sort by"</span>
                <select
                    id="order"
                    prop:value=move || params.with(|params| params.order.name)
                    on:change=move |event| {
                        let order = SortOrder::named(&event_target_value(&event));
                        go(params.get_untracked().with_order(order), false);
                    }
                >
                    {SortOrder::ALL
                        .map(|order| {
                            let selected = move || params.with(|params| params.order == order);
                            view! {
                                <option value=order.name selected=selected>
                                    {order.label}
                                </option>
                            }
                        })
                        .collect_view()}
                </select>
            </label>
            <Chips params small_price cities />
        </search>
    }
}

/// Links to the list with and without each filter.
#[component]
fn Chips(
    params: Memo<ListParams>,
    small_price: Memo<Option<Money>>,
    cities: Memo<Vec<String>>,
) -> impl IntoView {
    let chips = move || {
        let params = params.get();
        let filters = &params.filters;
        let chip = |words: String, is_on: bool, other: Filters| {
            let path = params.with_filters(other).path();
            view! {
                <li>
                    <a class="chip" href=path aria-current=is_on.then_some("true")>
                        {words}
                    </a>
                </li>
            }
            .into_any()
        };
        // A list without events has no currency.
        let prices = match (small_price.get(), filters.max_price.clone()) {
            (Some(few), _) => {
                vec![Money { amount: Decimal("0".to_owned()), ..few.clone() }, few]
            }
            (None, chosen) => chosen.into_iter().collect(),
        };
        let prices = prices.into_iter().map(|price| {
            let words = match browser::price(&price, 1) {
                free if free == browser::FREE => free,
                price => format!("Up to {}", price.trim_end_matches(".00")),
            };
            let is_on = filters.max_price.as_ref() == Some(&price);
            let max_price = (!is_on).then_some(price);
            chip(words, is_on, Filters { max_price, ..filters.clone() })
        });
        let Filters { is_weekend, is_available, ref city, .. } = *filters;
        view! {
            {chip(
                "This weekend".to_owned(),
                is_weekend,
                Filters { is_weekend: !is_weekend, ..filters.clone() },
            )}
            {chip(
                "Still available".to_owned(),
                is_available,
                Filters { is_available: !is_available, ..filters.clone() },
            )}
            // What follows is known later. It must not move what is there already.
            {prices.collect_view()}
            {cities
                .get()
                .into_iter()
                .map(|name| {
                    let is_on = city.as_ref() == Some(&name);
                    let city = (!is_on).then(|| name.clone());
                    chip(name, is_on, Filters { city, ..filters.clone() })
                })
                .collect_view()}
            {city
                .clone()
                .filter(|city| !cities.get().contains(city))
                .map(|city| chip(city, true, Filters { city: None, ..filters.clone() }))}
        }
    };
    view! { <ul class="chips" aria-label="Filters">{chips}</ul> }
}
