//! The search field and the choice of order.

use std::time::Duration;

use leptos::{html, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::{
    components::icons::Search,
    event_list::{ListParams, MAX_SEARCH_CHARS, SortOrder},
};

/// The search begins after this pause in typing.
const TYPING_PAUSE: Duration = Duration::from_millis(300);

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
    let input = NodeRef::<html::Input>::new();
    let search = {
        let go = go.clone();
        move || {
            // The page may be gone by now.
            let (Some(input), Some(current)) = (input.get_untracked(), params.try_get_untracked())
            else {
                return;
            };
            // Refining a search replaces its entry in the history, so "back" leads to the whole
            // list instead of through each letter.
            let is_refined = !current.search.is_empty();
            go(current.with_search(&input.value()), is_refined);
        }
    };
    let search_later = debounce(TYPING_PAUSE, {
        let search = search.clone();
        move |()| search()
    });
    // Back and forward change the field's text. Nothing else does, so it can't overwrite typing.
    let search_in_address = Memo::new(move |_| params.with(|params| params.search.clone()));
    Effect::new(move || {
        let searched = search_in_address.get();
        if let Some(input) = input.get()
            && input.value().trim() != searched
        {
            input.set_value(&searched);
        }
    });
    view! {
        <search class="controls">
            <form
                class="search"
                on:submit=move |event| {
                    event.prevent_default();
                    search();
                }
            >
                <label for="search" class="hidden">
                    "Search events by title or venue"
                </label>
                <Search />
                <input
                    id="search"
                    type="search"
                    placeholder="Search events by title or venue"
                    autocomplete="off"
                    maxlength=MAX_SEARCH_CHARS.to_string()
                    node_ref=input
                    on:input={
                        let mut search_later = search_later;
                        move |_| search_later(())
                    }
                />
            </form>
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
