//! The event that somebody wanted to book before their address was confirmed. The page that the mail
//! leads to offers it again. It is usually another tab, so the browser's storage holds it.

use crate::{browser::local_storage, event_path::event_path};

/// Holds the event until the address is confirmed.
const STORAGE_KEY: &str = "rowlock.wanted";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The address of the event's page, with the number of tickets.
    pub(crate) path: String,
    pub(crate) title: String,
}

impl Wanted {
    fn to_text(&self) -> String {
        format!("{}\n{}", self.path, self.title)
    }

    /// Reads what [`Self::to_text`] wrote.
    fn from_text(text: &str) -> Option<Self> {
        let (path, title) = text.split_once('\n')?;
        // Whatever else has written to the storage, this is a page of an event.
        let is_event = path.starts_with("/events/");
        is_event.then(|| Self { path: path.to_owned(), title: title.to_owned() })
    }
}

/// Keeps the event in place of an earlier one.
pub(crate) fn keep(event_id: &str, title: &str, quantity: i32) {
    let wanted = Wanted { path: event_path(event_id, quantity), title: title.to_owned() };
    if let Some(storage) = local_storage() {
        // It fails where storage is forbidden or full. The event is not offered then.
        let _ = storage.set_item(STORAGE_KEY, &wanted.to_text());
    }
}

/// The event, which is then forgotten.
pub(crate) fn take() -> Option<Wanted> {
    let storage = local_storage()?;
    let text = storage.get_item(STORAGE_KEY).ok()??;
    // It fails where storage is forbidden, and then there was nothing to read.
    let _ = storage.remove_item(STORAGE_KEY);
    Wanted::from_text(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_is_read_as_it_was_written() {
        let wanted = Wanted { path: "/events/a?quantity=3".to_owned(), title: "Jazz".to_owned() };
        assert_eq!(Wanted::from_text(&wanted.to_text()), Some(wanted));
        for other in ["", "/events/a", "https://example.org/\nJazz", "//example.org\nJazz"] {
            assert_eq!(Wanted::from_text(other), None, "{other:?}");
        }
    }
}
