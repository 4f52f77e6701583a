//! The list that was last looked at.

use leptos::prelude::*;

/// The list that was last looked at: the way back from an event.
#[derive(Clone, Copy)]
pub(crate) struct LastListPath(pub(crate) RwSignal<String>);

impl LastListPath {
    pub(crate) fn provide() {
        provide_context(Self(RwSignal::new("/events".to_owned())));
    }
}
