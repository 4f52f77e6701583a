//! The address of the event list that the user last saw.

use leptos::prelude::*;

/// An event's page links back to this address.
#[derive(Clone, Copy)]
pub(crate) struct LastListPath(pub(crate) RwSignal<String>);

impl LastListPath {
    pub(crate) fn provide() {
        provide_context(Self(RwSignal::new("/events".to_owned())));
    }
}
