//! Search and status of the attendees that a page shows, as the address encodes them.

use rowlock_web_operations::bookings::BookingStatus;

/// The server's limit for a search.
pub(super) const MAX_SEARCH_CHARS: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AttendeeList {
    pub(super) search: String,
    pub(super) status: Option<BookingStatus>,
}

/// What the page offers: the value in the address, the label, and the status. The first is the
/// default.
pub(super) const STATUSES: [(&str, &str, Option<BookingStatus>); 3] = [
    ("", "All bookings", None),
    ("confirmed", "Confirmed", Some(BookingStatus::Confirmed)),
    ("cancelled", "Cancelled", Some(BookingStatus::Cancelled)),
];

impl AttendeeList {
    /// Reads the address's query. An unknown status counts as absent.
    pub(super) fn from_query(get: impl Fn(&str) -> Option<String>) -> Self {
        let status = status_named(&get("status").unwrap_or_default());
        Self { search: clean_search(&get("search").unwrap_or_default()), status }
    }

    pub(super) fn with_search(&self, search: &str) -> Self {
        Self { search: clean_search(search), ..self.clone() }
    }

    pub(super) fn with_status(&self, name: &str) -> Self {
        Self { status: status_named(name), ..self.clone() }
    }

    /// The value of the status in the address.
    pub(super) fn status_name(&self) -> &'static str {
        let shown = STATUSES.iter().find(|(_, _, status)| *status == self.status);
        shown.map_or("", |(name, ..)| name)
    }

    /// The address of this list below the page's own.
    pub(super) fn path(&self, page: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.search.is_empty() {
            query.append_pair("search", &self.search);
        }
        if self.status.is_some() {
            query.append_pair("status", self.status_name());
        }
        match query.finish().as_str() {
            "" => page.to_owned(),
            query => format!("{page}?{query}"),
        }
    }
}

fn status_named(name: &str) -> Option<BookingStatus> {
    STATUSES.iter().find(|(known, ..)| *known == name).and_then(|(.., status)| *status)
}

fn clean_search(search: &str) -> String {
    search.trim().chars().filter(|c| !c.is_control()).take(MAX_SEARCH_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(query: &str) -> AttendeeList {
        AttendeeList::from_query(|name| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        })
    }

    #[test]
    fn the_address_keeps_search_and_status() {
        let shown = list("search=Ada+%26+co&status=cancelled");
        assert_eq!(
            (shown.search.as_str(), shown.status),
            ("Ada & co", Some(BookingStatus::Cancelled))
        );
        assert_eq!(shown.path("/a"), "/a?search=Ada+%26+co&status=cancelled");
        assert_eq!(shown.with_search(" ").with_status("").path("/a"), "/a");
        assert_eq!(list("status=gone&search=+"), list(""));
    }
}
