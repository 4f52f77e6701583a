//! Drives load: who asks when, and what came of it.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

/// How the kind of a request begins that was not answered.
pub(crate) const NO_ANSWER: &str = "no answer";
/// Wait before a connection asks again after that.
const NO_ANSWER_PAUSE: Duration = Duration::from_millis(100);

/// How much load.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct LoadArgs {
    /// Requests under way at the same time, each on a connection of its own
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) connections: u32,
    /// Requests a second, arriving evenly whether or not earlier ones are answered; a request's time
    /// counts from when it should have been sent. Without it, each connection asks as soon as it has
    /// its answer
    #[arg(long, value_name = "N", value_parser = parse_rate)]
    pub(crate) rate: Option<f64>,
    /// Most seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) seconds: u64,
}

fn parse_rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate| (0.001..=1e6).contains(rate));
    rate.ok_or("requests a second are a number from 0.001 to 1000000")
}

/// What came of the requests, by kind and by second.
#[derive(Debug)]
pub(crate) struct Tally {
    begun: Instant,
    results: Mutex<Results>,
}

#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) kinds: BTreeMap<String, Latencies>,
    /// By second since the beginning.
    pub(crate) seconds: Vec<BTreeMap<String, Latencies>>,
}

impl Results {
    pub(crate) fn count(&self) -> u64 {
        self.kinds.values().map(Latencies::count).sum()
    }

    /// In one line.
    fn summary(&self) -> String {
        let kinds = self.kinds.iter().map(|(kind, times)| format!("{kind} {}", times.count()));
        kinds.collect::<Vec<_>>().join(", ")
    }
}

/// Latencies in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    fn new() -> Self {
        // Three significant digits; larger values make it grow.
        Self(Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are allowed")))
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn millis(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), results: Mutex::default() }
    }

    pub(crate) fn record(&self, kind: &str, elapsed: Duration) {
        let second = self.begun.elapsed().as_secs() as usize;
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let mut results = self.results.lock();
        if results.seconds.len() <= second {
            results.seconds.resize_with(second + 1, BTreeMap::new);
        }
        let Results { kinds, seconds } = &mut *results;
        for kinds in [kinds, &mut seconds[second]] {
            if !kinds.contains_key(kind) {
                kinds.insert(kind.to_owned(), Latencies::new());
            }
            if let Some(times) = kinds.get_mut(kind) {
                // Grows with what it is given.
                let _ = times.0.record(micros);
            }
        }
    }

    pub(crate) fn into_results(self) -> Results {
        self.results.into_inner()
    }
}

/// Sends numbered requests, up to `max_requests` of them or until the time is up; each gives its kind.
/// Says how long that took.
pub(crate) async fn drive<T, F>(
    args: &LoadArgs,
    max_requests: u64,
    tally: &Arc<Tally>,
    request: T,
) -> Duration
where
    T: Fn(u64) -> F + Clone + Send + 'static,
    F: Future<Output = String> + Send + 'static,
{
    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let end = begun + Duration::from_secs(args.seconds);
    let interval = args.rate.map(|rate| 1.0 / rate);
    let progress = tokio::spawn(show_progress(Arc::clone(tally)));
    let mut connections = JoinSet::new();
    for _ in 0..args.connections {
        let (next, tally, request) = (Arc::clone(&next), Arc::clone(tally), request.clone());
        connections.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let due = interval
                    .map(|interval| begun + Duration::from_secs_f64(number as f64 * interval));
                if number >= max_requests || due.unwrap_or_else(Instant::now) >= end {
                    break;
                }
                if let Some(due) = due {
                    sleep_until(due).await;
                }
                // Late because no connection was free: that is part of how long it took.
                let start = due.unwrap_or_else(Instant::now);
                let kind = request(number).await;
                tally.record(&kind, start.elapsed());
                if kind.starts_with(NO_ANSWER) {
                    // A server that is gone is asked no more often for it.
                    sleep(NO_ANSWER_PAUSE).await;
                }
            }
        });
    }
    connections.join_all().await;
    let elapsed = begun.elapsed();
    progress.abort();
    // It holds the tally until it is gone.
    let _ = progress.await;
    elapsed
}

/// A line each second, for as long as it runs.
async fn show_progress(tally: Arc<Tally>) {
    let mut before = 0;
    for second in 1.. {
        sleep(Duration::from_secs(1)).await;
        let results = tally.results.lock();
        let count = results.count();
        eprintln!("{second:>4} s {:>7}/s  {}", count - before, results.summary());
        before = count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_one_that_can_be_kept() {
        assert_eq!(parse_rate("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "NaN", "inf", "1e-300", "fast", ""] {
            parse_rate(wrong).unwrap_err();
        }
    }
}
