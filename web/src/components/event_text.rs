//! Texts about an event that follow its edits.

use leptos::prelude::*;
use rowlock_web_operations::events::Event;

/// A text about an event, which follows its edits. All such texts have the same type, so their code
/// is compiled once.
pub(crate) fn text_of(
    event: RwSignal<Event>,
    text: fn(&Event) -> String,
) -> impl Fn() -> String + Copy + Send {
    move || event.with(text)
}
