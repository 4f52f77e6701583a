//! The name of a downloaded list of attendees.

use super::slug::proposed_slug;

/// For example "attendees-jazz-night-2026-03-15.csv". The date is that of the event's start.
pub(super) fn csv_name(title: &str, starts_at: &str) -> String {
    let date = starts_at.get(..10).unwrap_or_default();
    let parts = ["attendees", &proposed_slug(title), date].map(str::to_owned);
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}.csv", parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_its_event() {
        let starts_at = "2026-03-15T10:00:00Z";
        let name = csv_name("Jazz Night: “Live”/../etc", starts_at);
        assert_eq!(name, "attendees-jazz-night-live-etc-2026-03-15.csv");
        assert_eq!(csv_name("東京", starts_at), "attendees-2026-03-15.csv");
    }
}
