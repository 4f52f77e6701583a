//! The search field and the choice of status. Both change the address, and the list follows it.

use std::time::Duration;

use leptos::{html, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::{
    browser,
    components::icons::Search,
    organize::attendee_list::{AttendeeList, MAX_SEARCH_CHARS, STATUSES},
};

/// The search begins after this pause in typing.
const TYPING_PAUSE: Duration = Duration::from_millis(300);

const LABEL: &str = "Search by name, email or reference";

#[component]
pub(super) fn Controls(list: Memo<AttendeeList>) -> impl IntoView {
    let navigate = use_navigate();
    let go = move |to: AttendeeList| {
        let options = NavigateOptions { replace: true, scroll: false, ..Default::default() };
        if to != list.get_untracked() {
            navigate(&to.path(&browser::path()), options);
        }
    };
    let input = NodeRef::<html::Input>::new();
    let search = {
        let go = go.clone();
        move || {
            // The page may be gone by now.
            let (Some(input), Some(current)) = (input.get_untracked(), list.try_get_untracked())
            else {
                return;
            };
            go(current.with_search(&input.value()));
        }
    };
    let search_later = debounce(TYPING_PAUSE, {
        let search = search.clone();
        move |()| search()
    });
    let search_in_address = Memo::new(move |_| list.with(|list| list.search.clone()));
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
                    {LABEL}
                </label>
                <Search />
                <input
                    id="search"
                    type="search"
                    placeholder=LABEL
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
                <span>"Show"</span>
                <select
                    id="status"
                    prop:value=move || list.with(AttendeeList::status_name)
                    on:change=move |event| {
                        go(list.get_untracked().with_status(&event_target_value(&event)));
                    }
                >
                    {STATUSES
                        .map(|(name, label, status)| {
                            let selected = list.with_untracked(|list| list.status == status);
                            view! {
                                <option value=name selected=selected>
                                    {label}
                                </option>
                            }
                        })
                        .collect_view()}
                </select>
            </label>
        </search>
    }
}
