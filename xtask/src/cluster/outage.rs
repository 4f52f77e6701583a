//! How long nobody could book, and who was to blame.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// The longest times in which nothing was done, around a fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outage {
    /// Nobody could book, at whatever server.
    pub(crate) nobody_booked: Duration,
    /// By server: writes were acknowledged again, and nobody could book there yet.
    of_servers: Vec<Duration>,
}

impl Outage {
    /// `recovered` is when another node led. `written` has the moments at which the database
    /// acknowledged writes, and `booked` those at which each server acknowledged bookings. Both are
    /// in their order.
    ///
    /// # Errors
    /// When nothing was written, or nobody booked at a server, since another node led.
    pub(crate) fn between(
        fault: Instant,
        recovered: Instant,
        written: &[Instant],
        booked: &[Vec<Instant>],
    ) -> Result<Self> {
        let (_, written_again) =
            longest_gap(fault, recovered, written).context("nothing was written since then")?;
        let mut of_servers = Vec::new();
        for (number, times) in (1..).zip(booked) {
            let gap = longest_gap(fault, recovered, times);
            let (_, booked_again) =
                gap.with_context(|| format!("nobody booked at server {number} since then"))?;
            of_servers.push(booked_again.saturating_duration_since(written_again));
        }
        let mut anywhere = booked.concat();
        anywhere.sort();
        let (end_of_bookings, booked_again) =
            longest_gap(fault, recovered, &anywhere).context("nobody booked since then")?;
        Ok(Self { nobody_booked: booked_again - end_of_bookings, of_servers })
    }

    /// The longest time in which Rowlock alone was to blame.
    pub(crate) fn of_rowlock(&self) -> Duration {
        self.of_servers.iter().max().copied().unwrap_or_default()
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_servers = self.of_servers.iter().map(|time| format!("{:.1} s", time.as_secs_f64()));
        write!(
            f,
            "nobody could book for {:.1} s; by server, that ended {} after writes were acknowledged \
             again",
            self.nobody_booked.as_secs_f64(),
            of_servers.collect::<Vec<_>>().join(" and ")
        )
    }
}

/// The longest time between two of these moments, of which the later one is after the fault. `None`
/// if there is no moment since the recovery: a last booking just after the fault ends no outage.
fn longest_gap(
    fault: Instant,
    recovered: Instant,
    times: &[Instant],
) -> Option<(Instant, Instant)> {
    times.last().filter(|last| **last > recovered)?;
    let pairs = times.windows(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(|(_, end)| *end > fault).max_by_key(|(start, end)| *end - *start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_after_writes_are_acknowledged_is_rowlocks() {
        let start = Instant::now();
        let at = |millis: &[u64]| -> Vec<Instant> {
            millis.iter().map(|millis| start + Duration::from_millis(*millis)).collect()
        };
        let fault = start + Duration::from_millis(1_000);
        let written = at(&[0, 500, 990, 4_000, 4_100]);
        let booked = [at(&[0, 900, 4_300, 4_400]), at(&[100, 950, 5_500, 5_600])];
        let recovered = start + Duration::from_millis(3_900);
        let outage = Outage::between(fault, recovered, &written, &booked).unwrap();
        assert_eq!(outage.nobody_booked, Duration::from_millis(3_350));
        assert_eq!(outage.of_servers, [300, 1_500].map(Duration::from_millis));
        assert_eq!(outage.of_rowlock(), Duration::from_millis(1_500));
        for unfinished in [&[0, 900][..], &[0, 900, 1_010]] {
            assert!(Outage::between(fault, recovered, &written, &[at(unfinished)]).is_err());
        }
    }
}
