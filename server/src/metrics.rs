//! What an operator can see at `/metrics`, in the OpenMetrics text format.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

/// All of a server's metrics. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    queues: Queues,
}

#[derive(Clone, Debug)]
struct Queues {
    waiting: Family<QueueLabels, Gauge>,
    batch_calls: Histograms,
    wait: Histograms,
    batch: Histograms,
    refused: Family<QueueLabels, Counter>,
}

type Histograms = Family<QueueLabels, Histogram, fn() -> Histogram>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    queue: String,
}

/// What happens in one queue of [`crate::batching`]. By default nobody sees it.
#[derive(Clone)]
pub(crate) struct QueueMetrics {
    waiting: Gauge,
    batch_calls: Histogram,
    wait: Histogram,
    batch: Histogram,
    refused: Counter,
}

impl Metrics {
    #[must_use]
    pub fn new() -> Self {
        let queues = Queues {
            waiting: Family::default(),
            batch_calls: Family::new_with_constructor(calls),
            wait: Family::new_with_constructor(seconds),
            batch: Family::new_with_constructor(seconds),
            refused: Family::default(),
        };
        let mut registry = Registry::with_prefix("rowlock");
        registry.register(
            "queue_waiting",
            "Calls that wait for the next batch",
            queues.waiting.clone(),
        );
        registry.register(
            "queue_batch_calls",
            "Calls that ran together in one batch",
            queues.batch_calls.clone(),
        );
        registry.register_with_unit(
            "queue_wait",
            "How long calls waited until their batch began",
            Unit::Seconds,
            queues.wait.clone(),
        );
        registry.register_with_unit(
            "queue_batch",
            "How long batches took",
            Unit::Seconds,
            queues.batch.clone(),
        );
        registry.register(
            "queue_refused",
            "Calls refused because the queue was full or their time was up",
            queues.refused.clone(),
        );
        Self { registry: Arc::new(registry), queues }
    }

    /// The metrics of the queue of this name.
    pub(crate) fn queue(&self, name: &str) -> QueueMetrics {
        let labels = QueueLabels { queue: name.to_owned() };
        QueueMetrics {
            waiting: self.queues.waiting.get_or_create_owned(&labels),
            batch_calls: self.queues.batch_calls.get_or_create_owned(&labels),
            wait: self.queues.wait.get_or_create_owned(&labels),
            batch: self.queues.batch.get_or_create_owned(&labels),
            refused: self.queues.refused.get_or_create_owned(&labels),
        }
    }

    /// Everything as text.
    ///
    /// # Errors
    /// Never, as long as writing to a string succeeds.
    pub(crate) fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl QueueMetrics {
    pub(crate) fn waiting(&self, count: usize) {
        self.waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn waited(&self, time: Duration) {
        self.wait.observe(time.as_secs_f64());
    }

    pub(crate) fn begun(&self, calls: usize) {
        self.batch_calls.observe(calls as f64);
    }

    pub(crate) fn took(&self, time: Duration) {
        self.batch.observe(time.as_secs_f64());
    }

    pub(crate) fn refused(&self) {
        self.refused.inc();
    }
}

impl Default for QueueMetrics {
    fn default() -> Self {
        Metrics::new().queue("unseen")
    }
}

/// Two to the power of 0 to 10.
fn calls() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 11))
}

/// Half a millisecond to 16 seconds.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 16))
}
