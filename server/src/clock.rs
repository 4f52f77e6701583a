//! Times: the only source of the current one, so that tests can move it, and those that are read from
//! texts.

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

/// A time that was read from a text, without a leap second, which neither engine stores: it is the
/// second after it.
pub(crate) fn without_leap_second(time: DateTime<Utc>) -> DateTime<Utc> {
    const SECOND: u32 = 1_000_000_000;
    match time.timestamp_subsec_nanos().checked_sub(SECOND) {
        Some(nanos) => DateTime::from_timestamp(time.timestamp() + 1, nanos).unwrap_or(time),
        None => time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_second_is_the_second_after_it() {
        for (text, taken) in [
            ("2030-06-30T23:59:60Z", "2030-07-01T00:00:00Z"),
            ("2030-06-30T23:59:60.5Z", "2030-07-01T00:00:00.500Z"),
            ("2030-06-30T23:59:59.1234567Z", "2030-06-30T23:59:59.1234567Z"),
        ] {
            let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
            assert_eq!(without_leap_second(time(text)), time(taken), "{text}");
        }
    }
}
