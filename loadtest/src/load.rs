//! Sends load at a given rate over parallel connections, and records the answers.

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

/// The kind of a request without an answer starts with this.
pub(crate) const NO_ANSWER: &str = "no answer";
/// Before a connection sends its next request.
const NO_ANSWER_PAUSE: Duration = Duration::from_millis(100);

/// The amount of load.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct LoadArgs {
    /// Number of connections, each with one request at a time
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) connections: u32,
    /// Requests per second, sent at even intervals whether or not earlier ones are answered;
    /// latency counts from the time at which a request was due. Without it, each connection sends
    /// its next request as soon as it has an answer
    #[arg(long, value_name = "N", value_parser = parse_rate)]
    pub(crate) rate: Option<f64>,
    /// Maximum duration of the load
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) seconds: u64,
}

fn parse_rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate| (0.001..=1e6).contains(rate));
    rate.ok_or("the rate must be a number from 0.001 to 1000000")
}

/// Records the answers by kind and by second.
#[derive(Debug)]
pub(crate) struct Tally {
    started: Instant,
    results: Mutex<Results>,
}

#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) kinds: BTreeMap<String, Latencies>,
    /// By second since the start.
    pub(crate) seconds: Vec<BTreeMap<String, Latencies>>,
}

impl Results {
    pub(crate) fn count(&self) -> u64 {
        self.kinds.values().map(Latencies::count).sum()
    }

    /// One line.
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
        // Three significant digits. Its range grows as needed.
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
        Self { started: Instant::now(), results: Mutex::default() }
    }

    pub(crate) fn record(&self, kind: &str, elapsed: Duration) {
        let second = self.started.elapsed().as_secs() as usize;
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
                // It can't fail, as the histogram grows.
                let _ = times.0.record(micros);
            }
        }
    }

    pub(crate) fn into_results(self) -> Results {
        self.results.into_inner()
    }
}

/// Calls `request` with consecutive numbers, until `max_requests` were sent or the time is up, and
/// records the kinds that it returns. Returns how long that took.
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
    let started = Instant::now();
    let end = started + Duration::from_secs(args.seconds);
    let interval = args.rate.map(|rate| 1.0 / rate);
    let progress = tokio::spawn(show_progress(Arc::clone(tally)));
    let mut connections = JoinSet::new();
    for _ in 0..args.connections {
        let (next, tally, request) = (Arc::clone(&next), Arc::clone(tally), request.clone());
        connections.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let due = interval
                    .map(|interval| started + Duration::from_secs_f64(number as f64 * interval));
                if number >= max_requests || due.unwrap_or_else(Instant::now) >= end {
                    break;
                }
                if let Some(due) = due {
                    sleep_until(due).await;
                }
                // Waiting for a free connection is part of the latency.
                let start = due.unwrap_or_else(Instant::now);
                let kind = request(number).await;
                tally.record(&kind, start.elapsed());
                if kind.starts_with(NO_ANSWER) {
                    // A stopped server refuses at once, which must not raise the rate.
                    sleep(NO_ANSWER_PAUSE).await;
                }
            }
        });
    }
    connections.join_all().await;
    let elapsed = started.elapsed();
    progress.abort();
    // Its task holds a reference to the tally until it has ended.
    let _ = progress.await;
    elapsed
}

/// Prints a line every second.
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
