//! The name of a downloaded list of attendees.

use super::slug::proposed_slug;

/// For example "attendees-jazz-night-2026-03-15.csv". The date is that of the event's start.
pub(super) fn csv_name(title: &str, date: &str) -> String {
    let parts = ["attendees", &proposed_slug(title), date].map(str::to_owned);
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}.csv", parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_its_event() {
        let date = "2026-03-15";
        let name = csv_name("Jazz Night: “Live”/../etc", date);
        assert_eq!(name, "attendees-jazz-night-live-etc-2026-03-15.csv");
        assert_eq!(csv_name("東京", date), "attendees-2026-03-15.csv");
    }
}
