//! The search field and the choice of order.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::{
    components::search_field::SearchField,
    event_list::{ListParams, MAX_SEARCH_CHARS, SortOrder},
};

/// Both change the address, and the list follows the address.
#[component]
pub(super) fn Controls(params: Memo<ListParams>) -> impl IntoView {
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
                label="Search events by title or venue"
                max_chars=MAX_SEARCH_CHARS
                searched
                search
            />
            <label class="order">
                <span>"Order"</span>
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
        </search>
    }
}
