//! Search and order.

use std::time::Duration;

use leptos::{html, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::{
    components::icons::Search,
    event_list::{ListParams, MAX_SEARCH_CHARS, SortOrder},
};

/// How long nobody types before the search begins.
const TYPING_PAUSE: Duration = Duration::from_millis(300);

/// Both change the address, and the address changes the list.
#[component]
pub(super) fn Controls(list: Memo<ListParams>) -> impl IntoView {
    let navigate = use_navigate();
    let go = move |to: ListParams, replace: bool| {
        let options = NavigateOptions { replace, scroll: false, ..Default::default() };
        if to != list.get_untracked() {
            navigate(&to.path(), options);
        }
    };
    let input = NodeRef::<html::Input>::new();
    let search = {
        let go = go.clone();
        move || {
            // The page may be gone since.
            let (Some(input), Some(now)) = (input.get_untracked(), list.try_get_untracked()) else {
                return;
            };
            // The way back from a search leads to the whole list, not through each of its letters.
            let refines = !now.search.is_empty();
            go(now.with_search(&input.value()), refines);
        }
    };
    let search_later = debounce(TYPING_PAUSE, {
        let search = search.clone();
        move |()| search()
    });
    // Back and forward change the words too. Nothing else does: who is typing keeps what they typed.
    let words = Memo::new(move |_| list.with(|list| list.search.clone()));
    Effect::new(move || {
        let words = words.get();
        if let Some(input) = input.get()
            && input.value().trim() != words
        {
            input.set_value(&words);
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
                    "Search events by title"
                </label>
                <Search />
                <input
                    id="search"
                    type="search"
                    placeholder="Search events by title"
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
                    prop:value=move || list.with(|list| list.order.name)
                    on:change=move |event| {
                        let order = SortOrder::named(&event_target_value(&event));
                        go(list.get_untracked().with_order(order), false);
                    }
                >
                    {SortOrder::ALL
                        .map(|order| {
                            let selected = move || list.with(|list| list.order == order);
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
