//! Timestamps in RFC 3339 in UTC, as the server sends them. Their texts sort chronologically.

/// The length of a timestamp up to its seconds: "2026-03-15T10:00:00".
const LEN_TO_SECONDS: usize = 19;

/// Whether a time has come by `now`.
pub(crate) fn has_come(time: &str, now: &str) -> bool {
    match (time.get(..LEN_TO_SECONDS), now.get(..LEN_TO_SECONDS)) {
        (Some(time), Some(now)) => time <= now,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_come_from_its_first_second_on() {
        let time = "2026-03-15T10:00:00Z";
        assert!(!has_come(time, "2026-03-15T09:59:59.999Z"));
        assert!(has_come(time, "2026-03-15T10:00:00.000Z"));
        assert!(has_come(time, "2027-01-01T00:00:00.000Z"));
        assert!(!has_come("", "2027-01-01T00:00:00.000Z"));
    }
}
