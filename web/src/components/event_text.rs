//! Texts about an event that follow its edits.

use leptos::prelude::*;
use rowlock_web_operations::events::Event;

use crate::{browser, searched::marked};

/// What the page's list was searched for. It is in the context of the list.
#[derive(Clone, Copy)]
pub(crate) struct Searched(pub(crate) Memo<String>);

/// A text about an event, which follows its edits. All such texts have the same type, so their code
/// is compiled once.
pub(crate) fn text_of(
    event: RwSignal<Event>,
    text: fn(&Event) -> String,
) -> impl Fn() -> String + Copy + Send {
    move || event.with(text)
}

/// A text about an event as HTML, with the words marked that its list was searched for.
pub(crate) fn marked_text_of(
    event: RwSignal<Event>,
    text: fn(&Event) -> String,
) -> impl Fn() -> String + Copy + Send {
    let searched = use_context::<Searched>();
    move || {
        let search = searched.map(|Searched(search)| search.get()).unwrap_or_default();
        marked(&event.with(text), &search, browser::lower_case)
    }
}
