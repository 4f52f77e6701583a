//! The only source of the current time, so that tests can move it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Duration, SubsecRound, Utc};

/// The system's time, plus an offset that only tests set. Clones share the offset.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_micros: Arc<AtomicI64>,
}

impl Clock {
    /// The time in UTC, to the microsecond, which both engines can store.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let offset = Duration::microseconds(self.offset_micros.load(Ordering::Relaxed));
        (Utc::now() + offset).trunc_subsecs(6)
    }

    /// Moves this clock and all its clones by `by`, forwards or backwards.
    pub fn advance(&self, by: Duration) {
        let micros = by.num_microseconds().unwrap_or(i64::MAX);
        self.offset_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// A time that was read from a text, as both engines can store it: to the microsecond, and without a
/// leap second, which is the second after it.
pub(crate) fn storable(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_second_is_the_second_after_it() {
        for (text, stored) in [
            ("2030-06-30T23:59:60Z", "2030-07-01T00:00:00Z"),
            ("2030-06-30T23:59:60.5Z", "2030-07-01T00:00:00.500Z"),
            ("2030-06-30T23:59:59.1234567Z", "2030-06-30T23:59:59.123456Z"),
        ] {
            let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
            assert_eq!(storable(time(text)), time(stored), "{text}");
        }
    }
}
