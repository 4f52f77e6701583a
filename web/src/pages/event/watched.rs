//! The events that an event's page watches: its own, and the similar ones below.

use cynic::Id;
use leptos::prelude::*;

use crate::api::live::LiveCounts;

/// A `Copy` handle. Both parts of the page set their events here, because the live counts know only
/// all of them together.
#[derive(Clone, Copy)]
pub(super) struct Watched {
    live: LiveCounts,
    own: StoredValue<Option<Id>>,
    similar: StoredValue<Vec<Id>>,
}

impl Watched {
    pub(super) fn new(live: LiveCounts) -> Self {
        on_cleanup(move || live.watch_only(Vec::new()));
        Self { live, own: StoredValue::new(None), similar: StoredValue::new(Vec::new()) }
    }

    /// Without an event, nothing is watched: the socket has no user, so it may not watch a draft.
    pub(super) fn set_own(self, event: Option<Id>) {
        self.own.set_value(event);
        self.watch();
    }

    pub(super) fn set_similar(self, events: Vec<Id>) {
        self.similar.set_value(events);
        self.watch();
    }

    fn watch(self) {
        let own = self.own.get_value();
        self.live.watch_only(own.into_iter().chain(self.similar.get_value()).collect());
    }
}
