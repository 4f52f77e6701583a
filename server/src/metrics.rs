//! The metrics that `/metrics` shows, in the OpenMetrics text format.
//!
//! Counters and histograms are updated where things happen. Gauges are read when somebody asks: a
//! [`Snapshot`] holds their values.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

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
pub struct Metrics(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    registry: Registry,
    queues: Queues,
    requests: Family<RequestLabels, Counter>,
    request_time: Family<OperationLabels, Histogram, fn() -> Histogram>,
    commands: Family<OutcomeLabels, Counter>,
    feed_lag: Histogram,
    task_restarts: Family<TaskLabels, Counter>,
    jobs: Family<JobLabels, Counter>,
    gauges: Gauges,
}

/// The gauges, which are set when somebody asks.
#[derive(Clone, Debug, Default)]
struct Gauges {
    live_watched_events: Gauge,
    live_watches: Gauge,
    sockets: Gauge,
    passwords_waiting: Gauge,
    database_up: Gauge,
    standby_up: Gauge,
    connections: Family<PoolLabels, Gauge>,
    jobs_to_do: Gauge,
    jobs_dead: Gauge,
    jobs_oldest_due: Gauge<f64, AtomicU64>,
}

/// The values of all gauges at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) live: LiveSize,
    /// WebSockets, and streams of results over HTTP.
    pub(crate) sockets: usize,
    /// Passwords that wait to be hashed or checked.
    pub(crate) passwords_waiting: usize,
    pub(crate) database_is_up: bool,
    /// `None` without a standby.
    pub(crate) standby_is_up: Option<bool>,
    pub(crate) pools: Vec<PoolSize>,
    pub(crate) jobs: Backlog,
}

/// The jobs of the database.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backlog {
    /// Jobs that are to be done, those that run included. They are counted up to 10,000.
    pub(crate) to_do: usize,
    /// Jobs that were given up. They are counted up to 10,000.
    pub(crate) dead: usize,
    /// For how long the job that has been due for longest has waited for a worker.
    pub(crate) oldest_due: Duration,
}

/// The number of watched events and of watches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveSize {
    /// Events that somebody watches by id.
    pub(crate) events: usize,
    /// Watches of these events, and watches of all events.
    pub(crate) watches: usize,
}

/// A pool's connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSize {
    pub(crate) pool: &'static str,
    pub(crate) idle: usize,
    pub(crate) used: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolLabels {
    pool: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabels {
    task: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: Arc<str>,
    outcome: &'static str,
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

/// The metrics of one queue of [`crate::coalescing`]. The default belongs to no registry.
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
            "How long calls waited until their batch began or they joined it",
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
        let requests = Family::default();
        registry.register(
            "requests",
            "Operations, by root field and by the code of their first error",
            Family::clone(&requests),
        );
        let request_time: Family<_, _, fn() -> Histogram> = Family::new_with_constructor(seconds);
        registry.register_with_unit(
            "request",
            "How long operations took",
            Unit::Seconds,
            Family::clone(&request_time),
        );
        let commands = Family::default();
        registry.register(
            "bookings",
            "Bookings, and changes and cancellations of them, by their outcome",
            Family::clone(&commands),
        );
        let feed_lag = seconds();
        registry.register_with_unit(
            "feed_lag",
            "How long a message takes from a server through the database and back",
            Unit::Seconds,
            feed_lag.clone(),
        );
        let task_restarts = Family::default();
        registry.register(
            "background_task_restarts",
            "Restarts of background tasks that ended or panicked",
            Family::clone(&task_restarts),
        );
        let jobs = Family::default();
        registry.register(
            "jobs",
            "Attempts at jobs, by the job's kind and the attempt's outcome",
            Family::clone(&jobs),
        );
        let gauges = Gauges::default();
        gauges.register(&mut registry);
        Self(Arc::new(Shared {
            registry,
            queues,
            requests,
            request_time,
            commands,
            feed_lag,
            task_restarts,
            jobs,
            gauges,
        }))
    }

    /// Counts an operation that was answered: with an error of this code, or without one.
    pub(crate) fn answered(
        &self,
        operation: &Arc<str>,
        code: Option<&'static str>,
        time: Duration,
    ) {
        let (operation, outcome) = (Arc::clone(operation), code.unwrap_or("ok"));
        self.0
            .request_time
            .get_or_create(&OperationLabels { operation: Arc::clone(&operation) })
            .observe(time.as_secs_f64());
        self.0.requests.get_or_create(&RequestLabels { operation, outcome }).inc();
    }

    /// Counts a booking or cancellation by its outcome.
    pub(crate) fn command_finished(&self, outcome: &'static str) {
        self.0.commands.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Records how long a message took from this server through the database and back.
    pub(crate) fn feed_lagged(&self, time: Duration) {
        self.0.feed_lag.observe(time.as_secs_f64());
    }

    /// The counter of a background task's restarts. From now on, it is shown, starting with zero.
    pub(crate) fn task_restarts(&self, task: &'static str) -> Counter {
        self.0.task_restarts.get_or_create_owned(&TaskLabels { task })
    }

    /// Counts an attempt at a job.
    pub(crate) fn job_attempted(&self, kind: &'static str, outcome: &'static str) {
        self.0.jobs.get_or_create(&JobLabels { kind, outcome }).inc();
    }

    /// The metrics of the queue of this name.
    pub(crate) fn queue(&self, name: &str) -> QueueMetrics {
        let labels = QueueLabels { queue: name.to_owned() };
        QueueMetrics {
            waiting: self.0.queues.waiting.get_or_create_owned(&labels),
            batch_calls: self.0.queues.batch_calls.get_or_create_owned(&labels),
            wait: self.0.queues.wait.get_or_create_owned(&labels),
            batch: self.0.queues.batch.get_or_create_owned(&labels),
            refused: self.0.queues.refused.get_or_create_owned(&labels),
        }
    }

    /// All metrics as text, with the gauges' values from `snapshot`.
    ///
    /// # Errors
    /// Never, because writing to a string succeeds.
    pub(crate) fn render(&self, snapshot: &Snapshot) -> Result<String, fmt::Error> {
        self.0.gauges.set(snapshot);
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

impl Gauges {
    fn register(&self, registry: &mut Registry) {
        let gauges = [
            (
                "live_watched_events",
                "Events that somebody watches by id",
                &self.live_watched_events,
            ),
            (
                "live_watches",
                "Watches of these events, and watches of all events",
                &self.live_watches,
            ),
            ("sockets", "WebSockets, and streams of results over HTTP", &self.sockets),
            (
                "passwords_waiting",
                "Passwords that wait to be hashed or checked",
                &self.passwords_waiting,
            ),
            ("database_up", "Whether the database answered a moment ago", &self.database_up),
            (
                "standby_up",
                "Whether all standbys answer lists; also 0 without any",
                &self.standby_up,
            ),
            (
                "jobs_to_do",
                "Jobs of the database, without those that were given up",
                &self.jobs_to_do,
            ),
            ("jobs_dead", "Jobs of the database that were given up", &self.jobs_dead),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        registry.register_with_unit(
            "jobs_oldest_due",
            "For how long the job that has been due for longest has waited for a worker",
            Unit::Seconds,
            self.jobs_oldest_due.clone(),
        );
        let help = "Connections to the database, by pool and state";
        registry.register("database_connections", help, self.connections.clone());
    }

    fn set(&self, snapshot: &Snapshot) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.live_watched_events.set(number(snapshot.live.events));
        self.live_watches.set(number(snapshot.live.watches));
        self.sockets.set(number(snapshot.sockets));
        self.passwords_waiting.set(number(snapshot.passwords_waiting));
        self.database_up.set(snapshot.database_is_up.into());
        self.standby_up.set((snapshot.standby_is_up == Some(true)).into());
        self.jobs_to_do.set(number(snapshot.jobs.to_do));
        self.jobs_dead.set(number(snapshot.jobs.dead));
        self.jobs_oldest_due.set(snapshot.jobs.oldest_due.as_secs_f64());
        for PoolSize { pool, idle, used } in &snapshot.pools {
            for (state, count) in [("idle", idle), ("used", used)] {
                self.connections.get_or_create(&PoolLabels { pool, state }).set(number(*count));
            }
        }
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

    pub(crate) fn closed(&self, calls: usize) {
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

/// Buckets from 1 to 1,024, each twice the one before.
fn calls() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 11))
}

/// Buckets from half a millisecond to 16 seconds, each twice the one before.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 16))
}
