//! The list that was last looked at.

use leptos::prelude::*;

/// The list that was last looked at: the way back from an event.
#[derive(Clone, Copy)]
pub(crate) struct LastList(pub(crate) RwSignal<String>);

impl LastList {
    pub(crate) fn provide() {
        provide_context(Self(RwSignal::new("/events".to_owned())));
    }
}
