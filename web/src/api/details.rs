//! What the page knows about its events, kept true while organizers edit them.

use std::sync::Arc;

use cynic::Id;
use js_sys::Date;
use leptos::prelude::*;
use rowlock_web_operations::{events::Event, live::EditedEvent};

/// How long people need, in milliseconds, to see that a price or a time has changed. Whoever clicks
/// earlier means what was there before.
const READING_MILLIS: f64 = 1_000.0;

/// An edit that has reached the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edit<'a> {
    pub(crate) before: &'a Event,
    pub(crate) after: &'a Event,
    /// Whether the page shows a description, and it was changed.
    pub(crate) is_description_changed: bool,
}

type OnEdit = Arc<dyn Fn(Edit<'_>) + Send + Sync>;

/// What is known about one event.
#[derive(Clone)]
struct Entry {
    id: Id,
    event: ArcRwSignal<Event>,
    /// The description, if the page shows it.
    description: Option<ArcRwSignal<String>>,
    /// Whether the connection was lost since the event was read. The database may have been set back
    /// to an older state then.
    may_go_back: bool,
    /// When the price or the start last changed on the page, by the browser's clock.
    changed_at: f64,
}

/// A `Copy` handle to the events that the page knows.
#[derive(Clone, Copy)]
pub(crate) struct LiveDetails {
    /// There are few, so they are not hashed.
    entries: StoredValue<Vec<Entry>>,
    on_edit: StoredValue<Option<OnEdit>>,
}

impl LiveDetails {
    pub(super) fn provide() -> Self {
        let details = Self { entries: StoredValue::default(), on_edit: StoredValue::new(None) };
        provide_context(details);
        details
    }

    pub(crate) fn from_context() -> Self {
        expect_context()
    }

    /// Calls this with each edit of an event that the page shows.
    pub(crate) fn on_edit(self, tell: impl Fn(Edit<'_>) + Send + Sync + 'static) {
        self.on_edit.set_value(Some(Arc::new(tell)));
    }

    /// The event as it is now known. The signal follows all later edits.
    pub(crate) fn of(self, event: &Event) -> ArcRwSignal<Event> {
        self.entry(event).event
    }

    /// The event's description. The signal follows all later edits.
    pub(crate) fn description_of(self, event: &Event, description: &str) -> ArcRwSignal<String> {
        let known = self.entry(event).description;
        known.unwrap_or_else(|| {
            let shown = ArcRwSignal::new(description.to_owned());
            self.change(&event.id, |entry| entry.description = Some(shown.clone()));
            shown
        })
    }

    /// Takes an event that a query has read, unless the page already knows a later state.
    pub(crate) fn set_from_query(self, event: &Event, description: Option<&str>) {
        self.entry(event);
        self.take(event, description);
    }

    /// Takes an event from a subscription.
    pub(super) fn apply(self, edited: &EditedEvent) {
        self.take(&edited.event, Some(&edited.description));
    }

    /// Takes an event whose changes somebody else tells. Returns what the page knew before.
    pub(crate) fn set_quietly(self, event: &Event) -> Option<Event> {
        let known = self.known(&event.id)?;
        match known.accepts(event) {
            true => Some(self.show(&known, event)),
            false => Some(known.event.get_untracked()),
        }
    }

    /// Whether the price or the start changed so lately that nobody can have read it.
    pub(crate) fn has_just_changed(self, id: &Id) -> bool {
        let changed_at = self.known(id).map_or(0.0, |known| known.changed_at);
        (0.0..READING_MILLIS).contains(&(Date::now() - changed_at))
    }

    /// The events among these that the page knows, with their revisions.
    pub(super) fn revisions(self, ids: &[Id]) -> Vec<(Id, i32)> {
        let revision = |id| Some(self.known(id)?.event.with_untracked(|event| event.revision));
        ids.iter().filter_map(|id| Some((id.clone(), revision(id)?))).collect()
    }

    /// Forgets all events but these.
    pub(super) fn keep_only(self, ids: &[Id]) {
        self.entries.write_value().retain(|entry| ids.contains(&entry.id));
    }

    /// Lets the next answers replace what is known, whatever their revisions.
    pub(super) fn expect_older(self) {
        self.entries.write_value().iter_mut().for_each(|entry| entry.may_go_back = true);
    }

    fn take(self, event: &Event, description: Option<&str>) {
        let Some(known) = self.known(&event.id).filter(|known| known.accepts(event)) else {
            return;
        };
        if known.may_go_back {
            self.change(&event.id, |entry| entry.may_go_back = false);
        }
        let is_description_changed = match (&known.description, description) {
            (Some(shown), Some(new)) if shown.with_untracked(|shown| shown != new) => {
                shown.set(new.to_owned());
                true
            }
            _ => false,
        };
        let before = self.show(&known, event);
        if let Some(tell) = self.on_edit.get_value()
            && (before != *event || is_description_changed)
        {
            tell(Edit { before: &before, after: event, is_description_changed });
        }
    }

    /// Shows this state of the event. Returns the one before.
    fn show(self, known: &Entry, event: &Event) -> Event {
        let before = known.event.get_untracked();
        if before.price != event.price || before.starts_at != event.starts_at {
            self.change(&event.id, |entry| entry.changed_at = Date::now());
        }
        if before != *event {
            known.event.set(event.clone());
        }
        before
    }

    fn known(self, id: &Id) -> Option<Entry> {
        self.entries.with_value(|entries| entries.iter().find(|entry| entry.id == *id).cloned())
    }

    fn entry(self, event: &Event) -> Entry {
        self.known(&event.id).unwrap_or_else(|| {
            let entry = Entry {
                id: event.id.clone(),
                event: ArcRwSignal::new(event.clone()),
                description: None,
                may_go_back: false,
                changed_at: 0.0,
            };
            self.entries.write_value().push(entry.clone());
            entry
        })
    }

    fn change(self, id: &Id, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.write_value().iter_mut().find(|entry| entry.id == *id) {
            change(entry);
        }
    }
}

impl Entry {
    /// Whether this state of the event is no older than the known one.
    fn accepts(&self, event: &Event) -> bool {
        self.may_go_back || self.event.with_untracked(|known| known.revision <= event.revision)
    }
}
