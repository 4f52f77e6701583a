//! What a visitor was about to book when the page asked for a sign-in. The forms show it, and the
//! button that was pressed has the focus again afterwards.

use std::cell::RefCell;

use rowlock_web_operations::events::Event;

use crate::{
    browser::{path_and_query, price, session_storage},
    money::cost,
};

/// Holds the intent while a form is reloaded.
const STORAGE_KEY: &str = "rowlock.intent";

#[derive(Clone, Debug, PartialEq, Eq)]
struct Intent {
    /// The page with the button.
    page: String,
    event_id: String,
    /// For example "Jazz Night: 3 × €55.00 = €165.00", as the page showed it.
    words: String,
}

impl Intent {
    fn to_text(&self) -> String {
        format!("{}\n{}\n{}", self.page, self.event_id, self.words)
    }

    /// Reads what [`Self::to_text`] wrote.
    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '\n').map(str::to_owned);
        Some(Self { page: parts.next()?, event_id: parts.next()?, words: parts.next()? })
    }
}

thread_local! {
    static INTENT: RefCell<Option<Intent>> = RefCell::default();
}

/// Keeps what the visitor is about to book. The sign-in leads back to `page`.
pub(crate) fn keep(event: &Event, quantity: i32, page: &str) {
    let total = price(&event.price, u8::try_from(quantity).unwrap_or(1));
    let intent = Intent {
        page: page.to_owned(),
        event_id: event.id.inner().to_owned(),
        words: format!("{}: {}", event.title, cost(quantity, &price(&event.price, 1), &total)),
    };
    if let Some(storage) = session_storage() {
        // It fails where storage is forbidden or full. A reload then forgets the intent.
        let _ = storage.set_item(STORAGE_KEY, &intent.to_text());
    }
    INTENT.set(Some(intent));
}

/// What is about to be booked on the page that the sign-in leads back to.
pub(crate) fn words_for(next_page: &str) -> Option<String> {
    INTENT.with_borrow_mut(|intent| {
        if intent.is_none() {
            let stored =
                session_storage().and_then(|storage| storage.get_item(STORAGE_KEY).ok()?);
            *intent = stored.as_deref().and_then(Intent::from_text);
        }
        let intent = intent.as_ref().filter(|intent| intent.page == next_page)?;
        Some(intent.words.clone())
    })
}

/// Whether the current page has the button that was pressed for this event. This ends the intent.
pub(crate) fn take(event_id: &str) -> bool {
    let is_here = INTENT.with_borrow(|intent| {
        let intent = intent.as_ref().filter(|intent| intent.event_id == event_id);
        intent.is_some_and(|intent| intent.page == path_and_query())
    });
    if is_here {
        INTENT.set(None);
        if let Some(storage) = session_storage() {
            // It fails where storage is forbidden, and then there is nothing to remove.
            let _ = storage.remove_item(STORAGE_KEY);
        }
    }
    is_here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_survives_a_reload() {
        let intent = Intent {
            page: "/events?search=jazz".to_owned(),
            event_id: "a".to_owned(),
            words: "Jazz\nNight: 1 ticket, Free".to_owned(),
        };
        assert_eq!(Intent::from_text(&intent.to_text()), Some(intent));
        for other in ["", "/events", "/events\na"] {
            assert_eq!(Intent::from_text(other), None, "{other:?}");
        }
    }
}
