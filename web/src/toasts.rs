//! Short messages about the outcome of an action. A message goes away after some seconds, and earlier
//! when it no longer holds.

use std::{fmt, sync::Arc, time::Duration};

use leptos::{html, prelude::*};

use crate::browser;

/// How long a message stays. It stays longer while the pointer or the focus is on the messages.
const TOAST_DURATION: Duration = Duration::from_secs(7);
/// The same for a message that offers an action, which people need time to reach.
const ACTION_DURATION: Duration = Duration::from_secs(15);
/// How often pointer and focus are checked then.
const HOVER_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How many messages are shown at once.
const MAX_TOASTS: usize = 2;
/// Holds a message for the page that is about to be loaded.
const STORAGE_KEY: &str = "rowlock.message";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Success,
    Info,
    /// The outcome is not known yet.
    Waiting,
    /// Somebody else has changed what the page shows.
    Change,
    Error,
}

/// What a message is about, with the id of that event or booking.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Topic {
    /// What the user does about it.
    Action(String),
    /// An edit of the event.
    Edit(String),
}

impl Topic {
    fn id(&self) -> &str {
        match self {
            Self::Action(id) | Self::Edit(id) => id,
        }
    }
}

/// Says whether a message still holds. It is called in an effect, so it can follow signals.
type Condition = Arc<dyn Fn() -> bool + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Toast {
    pub(crate) id: u32,
    pub(crate) tone: Tone,
    pub(crate) text: String,
    /// What the message is about. It replaces an earlier one about the same.
    topic: Option<Topic>,
    /// The message goes away when this is false.
    holds: Option<Condition>,
    /// The page that the message belongs to.
    page: Option<String>,
    /// Whether it stays until something replaces it.
    is_lasting: bool,
    /// The label of a button in the message, and what it does.
    pub(crate) action: Option<(&'static str, Callback<()>)>,
    /// The label of a link in the message, and its address.
    pub(crate) link: Option<(&'static str, String)>,
}

impl Toast {
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            id: 0,
            tone,
            text,
            topic: None,
            holds: None,
            page: None,
            is_lasting: false,
            action: None,
            link: None,
        }
    }

    pub(crate) fn about_event(self, event_id: &str) -> Self {
        Self { topic: Some(Topic::Action(event_id.to_owned())), ..self }
    }

    /// The message is about somebody's booking, of which an event has many.
    pub(crate) fn about_booking(self, booking_id: &str) -> Self {
        Self { topic: Some(Topic::Action(booking_id.to_owned())), ..self }
    }

    pub(crate) fn about_edit_of(self, event_id: &str) -> Self {
        Self { topic: Some(Topic::Edit(event_id.to_owned())), ..self }
    }

    pub(crate) fn while_true(self, holds: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { holds: Some(Arc::new(holds)), ..self }
    }

    /// The message goes away when the user leaves the current page.
    pub(crate) fn on_this_page(self) -> Self {
        Self { page: Some(browser::path()), ..self }
    }

    pub(crate) fn until_replaced(self) -> Self {
        Self { is_lasting: true, ..self }
    }

    pub(crate) fn with_action(self, label: &'static str, action: Callback<()>) -> Self {
        Self { action: Some((label, action)), ..self }
    }

    pub(crate) fn with_link(self, label: &'static str, path: String) -> Self {
        Self { link: Some((label, path)), ..self }
    }

    pub(crate) fn still_holds(&self) -> bool {
        self.holds.as_ref().is_none_or(|holds| holds())
    }
}

impl fmt::Debug for Toast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Toast").field("tone", &self.tone).field("text", &self.text).finish()
    }
}

/// A `Copy` handle to the messages.
#[derive(Clone, Copy)]
pub(crate) struct Toasts {
    shown: RwSignal<Vec<Toast>>,
    next_id: StoredValue<u32>,
    /// The element that shows the messages.
    pub(crate) region: NodeRef<html::Section>,
}

impl Toasts {
    pub(crate) fn provide() -> Self {
        let toasts = Self {
            shown: RwSignal::new(Vec::new()),
            next_id: StoredValue::new(0),
            region: NodeRef::new(),
        };
        provide_context(toasts);
        // Opening the storage takes a browser some time, and another page must have written to it.
        if !document().referrer().is_empty()
            && let Some(storage) = browser::session_storage()
            && let Ok(Some(text)) = storage.get_item(STORAGE_KEY)
        {
            // It fails where storage is forbidden, and there was nothing to read then.
            let _ = storage.remove_item(STORAGE_KEY);
            toasts.show(Toast::new(Tone::Info, text));
        }
        toasts
    }

    /// Keeps a message for the page of another program, which is loaded in place of this one.
    pub(crate) fn keep_for_next_page(text: &str) {
        if let Some(storage) = browser::session_storage() {
            // It fails where storage is forbidden or full. The message is lost then.
            let _ = storage.set_item(STORAGE_KEY, text);
        }
    }

    pub(crate) fn from_context() -> Self {
        expect_context()
    }

    pub(crate) fn shown(self) -> Vec<Toast> {
        self.shown.get()
    }

    pub(crate) fn show(self, toast: Toast) {
        // Otherwise, screen readers would read it out once more.
        let is_shown = |shown: &Toast| {
            shown.is_lasting && shown.text == toast.text && shown.topic == toast.topic
        };
        if self.shown.with_untracked(|shown| shown.iter().any(is_shown)) {
            return;
        }
        let id = self.next_id.get_value();
        self.next_id.set_value(id.wrapping_add(1));
        let is_lasting = toast.is_lasting;
        let duration = if toast.action.is_some() { ACTION_DURATION } else { TOAST_DURATION };
        self.shown.update(|shown| {
            shown.retain(|before| {
                let same_topic = before.topic.is_some() && before.topic == toast.topic;
                !same_topic && before.text != toast.text
            });
            shown.push(Toast { id, ..toast });
            if shown.len() > MAX_TOASTS {
                let oldest = |goes: fn(&Toast) -> bool| shown.iter().position(goes);
                // A message that offers an action stays longest.
                let dispensable = oldest(|toast| !toast.is_lasting && toast.action.is_none())
                    .or_else(|| oldest(|toast| !toast.is_lasting))
                    .or_else(|| oldest(|toast| toast.action.is_none()));
                shown.remove(dispensable.unwrap_or_default());
            }
        });
        if !is_lasting {
            set_timeout(move || self.dismiss_unless_in_use(id), duration);
        }
    }

    /// Removes the message, unless the pointer or the focus is on the messages.
    fn dismiss_unless_in_use(self, id: u32) {
        let region = self.region.get_untracked();
        let is_in_use = region
            .is_some_and(|region| region.matches(":hover, :focus-within").unwrap_or_default());
        match is_in_use {
            true => set_timeout(move || self.dismiss_unless_in_use(id), HOVER_CHECK_INTERVAL),
            false => self.dismiss(id),
        }
    }

    pub(crate) fn dismiss(self, id: u32) {
        self.dismiss_if(|toast| toast.id == id);
    }

    /// Removes the messages about this event or booking.
    pub(crate) fn dismiss_about(self, id: &str) {
        self.dismiss_if(|toast| toast.topic.as_ref().map(Topic::id) == Some(id));
    }

    /// Removes the messages that belong to other pages than this one.
    pub(crate) fn dismiss_of_other_pages(self, path: &str) {
        self.dismiss_if(|toast| toast.page.as_ref().is_some_and(|page| page != path));
    }

    fn dismiss_if(self, is_over: impl Fn(&Toast) -> bool) {
        if self.shown.with_untracked(|shown| shown.iter().any(&is_over)) {
            self.shown.update(|shown| shown.retain(|toast| !is_over(toast)));
        }
    }
}
