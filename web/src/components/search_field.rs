//! A field whose text is searched for after a pause in typing.

use std::time::Duration;

use leptos::{html, prelude::*};

use super::icons::Search;

/// The search begins after this pause in typing.
const TYPING_PAUSE: Duration = Duration::from_millis(300);

#[component]
pub(crate) fn SearchField<S>(
    label: &'static str,
    max_chars: usize,
    /// What the address says. Back and forward change the field's text with it. Nothing else does, so
    /// it can't overwrite typing.
    searched: Memo<String>,
    /// Searches for a text. The page may be gone by then.
    search: S,
) -> impl IntoView
where
    S: Fn(&str) + Clone + 'static,
{
    let input = NodeRef::<html::Input>::new();
    let search_now = move || {
        if let Some(input) = input.try_get_untracked().flatten() {
            search(&input.value());
        }
    };
    let mut search_later = debounce(TYPING_PAUSE, {
        let search_now = search_now.clone();
        move |()| search_now()
    });
    Effect::new(move || {
        let searched = searched.get();
        if let Some(input) = input.get()
            && input.value().trim() != searched
        {
            input.set_value(&searched);
        }
    });
    view! {
        <form
            class="search"
            on:submit=move |event| {
                event.prevent_default();
                search_now();
            }
        >
            <label for="search" class="hidden">
                {label}
            </label>
            <Search />
            <input
                id="search"
                type="search"
                placeholder=label
                autocomplete="off"
                maxlength=max_chars.to_string()
                node_ref=input
                on:input=move |_| search_later(())
            />
        </form>
    }
}
