//! Unsaved changes of an event's form, in the tab's storage. They survive a reload and a sign-in.

use serde::{Deserialize, Serialize};

use super::event_form::EventForm;
use crate::browser::session_storage;

const KEY_PREFIX: &str = "rowlock.event-draft";

/// What somebody has typed, and what they began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptDraft {
    pub(super) form: EventForm,
    pub(super) base: EventForm,
}

/// Where a draft is kept: for each person, so that nobody finds another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DraftKey(String);

impl DraftKey {
    /// `event` is an event's id, or the slug of the organizer of a new one.
    pub(super) fn new(user_id: &str, event: &str) -> Self {
        Self(format!("{KEY_PREFIX}:{user_id}:{event}"))
    }

    pub(super) fn read(&self) -> Option<KeptDraft> {
        parse(&session_storage()?.get_item(&self.0).ok()??)
    }

    pub(super) fn write(&self, draft: &KeptDraft) {
        if let (Some(storage), Ok(text)) = (session_storage(), serde_json::to_string(draft)) {
            // It fails when the storage is full. The changes are then lost with the page, of which
            // the browser warns.
            let _ = storage.set_item(&self.0, &text);
        }
    }

    /// Removes the draft unless somebody has typed more since.
    pub(super) fn remove_if_form_is(&self, form: &EventForm) {
        if self.read().is_some_and(|kept| kept.form == *form) {
            self.remove();
        }
    }

    pub(super) fn remove(&self) {
        if let Some(storage) = session_storage() {
            let _ = storage.remove_item(&self.0);
        }
    }
}

/// A text that another version of the client has written may have another form.
fn parse(text: &str) -> Option<KeptDraft> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::{super::event_form::EventField, *};

    #[test]
    fn a_draft_is_read_as_it_was_written() {
        let base = EventForm::default().with(EventField::Title, "Jazz");
        let form = base.clone().with(EventField::Description, "“Two”\nsets 🎷");
        let draft = KeptDraft { form, base };
        let text = serde_json::to_string(&draft).unwrap();
        assert_eq!(parse(&text), Some(draft));
        for other in ["", "{}", "[]", r#"{"form":{"title":1}}"#] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn people_have_drafts_of_their_own() {
        assert_ne!(DraftKey::new("ada", "1"), DraftKey::new("bob", "1"));
        assert_ne!(DraftKey::new("ada", "1"), DraftKey::new("ada", "2"));
    }
}
