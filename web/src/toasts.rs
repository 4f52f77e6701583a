//! Short messages about the outcome of an action.

use std::time::Duration;

use leptos::{html, prelude::*};

/// How long a message stays. It stays longer while the pointer or the focus is on the messages.
const TOAST_DURATION: Duration = Duration::from_secs(7);
/// How often pointer and focus are checked then.
const HOVER_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How many messages are shown at once.
const MAX_TOASTS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Success,
    Info,
    Error,
}

#[derive(Clone, Debug)]
pub(crate) struct Toast {
    pub(crate) id: u32,
    pub(crate) tone: Tone,
    pub(crate) text: String,
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
        toasts
    }

    pub(crate) fn from_context() -> Self {
        expect_context()
    }

    pub(crate) fn shown(self) -> Vec<Toast> {
        self.shown.get()
    }

    pub(crate) fn show(self, tone: Tone, text: impl Into<String>) {
        let (id, text) = (self.next_id.get_value(), text.into());
        self.next_id.set_value(id.wrapping_add(1));
        self.shown.update(|shown| {
            shown.retain(|toast| toast.text != text);
            shown.push(Toast { id, tone, text });
            let too_many = shown.len().saturating_sub(MAX_TOASTS);
            shown.drain(..too_many);
        });
        set_timeout(move || self.dismiss_unless_in_use(id), TOAST_DURATION);
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
        self.shown.update(|shown| shown.retain(|toast| toast.id != id));
    }
}
