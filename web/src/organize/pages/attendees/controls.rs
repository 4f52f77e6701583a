//! The search field and the choice of status. Both change the address, and the list follows it.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::{
    browser,
    components::search_field::SearchField,
    organize::attendee_list::{AttendeeList, MAX_SEARCH_CHARS, STATUSES},
};

#[component]
pub(super) fn Controls(list: Memo<AttendeeList>) -> impl IntoView {
    let navigate = use_navigate();
    let go = move |to: AttendeeList| {
        let options = NavigateOptions { replace: true, scroll: false, ..Default::default() };
        if to != list.get_untracked() {
            navigate(&to.path(&browser::path()), options);
        }
    };
    let search = {
        let go = go.clone();
        move |text: &str| {
            if let Some(current) = list.try_get_untracked() {
                go(current.with_search(text));
            }
        }
    };
    let searched = Memo::new(move |_| list.with(|list| list.search.clone()));
    view! {
        <search class="controls">
            <SearchField
                label="Search by name, email or reference"
                max_chars=MAX_SEARCH_CHARS
                searched
                search
            />
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
