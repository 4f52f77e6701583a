//! Timestamps in RFC 3339 in UTC, as the server sends them. Their texts sort chronologically.

/// The length of a timestamp up to its seconds: "2026-03-15T10:00:00".
const LEN_TO_SECONDS: usize = 19;

/// Whether an event that starts at `starts_at` has started by `now`.
pub(crate) fn has_started(starts_at: &str, now: &str) -> bool {
    match (starts_at.get(..LEN_TO_SECONDS), now.get(..LEN_TO_SECONDS)) {
        (Some(starts_at), Some(now)) => starts_at <= now,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_started_from_its_first_second_on() {
        let starts_at = "2026-03-15T10:00:00Z";
        assert!(!has_started(starts_at, "2026-03-15T09:59:59.999Z"));
        assert!(has_started(starts_at, "2026-03-15T10:00:00.000Z"));
        assert!(has_started(starts_at, "2027-01-01T00:00:00.000Z"));
        assert!(!has_started("", "2027-01-01T00:00:00.000Z"));
    }
}
