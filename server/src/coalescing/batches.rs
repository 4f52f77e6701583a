//! Gathers calls that arrive while a batch runs, and runs them together in the next batch.
//!
//! There is no timer. A call that finds the batcher idle starts at once, alone; while it runs,
//! others gather. So batches grow with the load. A [`Runner`] carries out a batch. While it waits for
//! what it needs first, it can let [`Latecomers`] join. The batcher owns the queue: its order, its
//! limits, and the refusal of calls that waited too long.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, oneshot},
    task::yield_now,
    time::{Instant, sleep_until},
};
use tracing::{Instrument, Span};

use crate::metrics::QueueMetrics;

/// Runs batches of calls.
pub(crate) trait Runner: Send + Sync + 'static {
    type Call: Call;

    /// Runs a batch. Each call holds the channel to its caller and is answered through it. If a
    /// call is dropped, its caller learns that the batch panicked.
    fn run(
        &self,
        calls: Vec<Self::Call>,
        latecomers: &Latecomers<'_, Self::Call>,
    ) -> impl Future<Output = ()> + Send;
}

/// A call that waits in a queue.
pub(crate) trait Call: Send + 'static {
    /// Whether the caller went away, so that the call need not run.
    fn is_abandoned(&self) -> bool;

    /// Tells the caller that the call was not run.
    fn refuse(self, refusal: Refusal);
}

/// A call that asks a question of type `Q` and gets an answer of type `A`.
#[derive(Debug)]
pub(crate) struct Question<Q, A> {
    pub(crate) key: Q,
    caller: oneshot::Sender<Result<A, Refusal>>,
}

impl<Q, A> Question<Q, A> {
    pub(crate) fn answer(self, answer: A) {
        // A caller that went away needs no answer.
        let _ = self.caller.send(Ok(answer));
    }
}

impl<Q: Send + 'static, A: Send + 'static> Call for Question<Q, A> {
    fn is_abandoned(&self) -> bool {
        self.caller.is_closed()
    }

    fn refuse(self, refusal: Refusal) {
        let _ = self.caller.send(Err(refusal));
    }
}

/// The limits of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Maximum number of calls in one batch.
    pub(crate) max_batch: usize,
    /// Maximum number of calls that wait for the next batches.
    pub(crate) max_waiting: usize,
    /// Longest time that a call waits until its batch starts, or it joins one.
    pub(crate) wait_timeout: Duration,
}

impl Bounds {
    /// The bounds for rows looked up by key.
    pub(crate) const FOR_LOOKUPS: Self =
        Self { max_batch: 1_000, max_waiting: 100_000, wait_timeout: Duration::from_secs(5) };
}

/// The reason why a call was not run to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("too many calls are waiting")]
    QueueFull,
    #[error("the call waited too long for its turn")]
    WaitTimeout,
    #[error("the batch panicked")]
    BatchPanicked,
}

/// A queue of calls, and the task that works through it. Clones share both.
pub(crate) struct Batcher<R: Runner>(Arc<Shared<R>>);

struct Shared<R: Runner> {
    runner: R,
    bounds: Bounds,
    metrics: QueueMetrics,
    state: Mutex<State<R::Call>>,
    became_idle: Notify,
}

struct State<C> {
    /// In the order of arrival, so the first call is also the first to reach its wait timeout.
    queue: VecDeque<Waiting<C>>,
    is_running: bool,
}

struct Waiting<C> {
    call: C,
    since: Instant,
    /// The caller's span, which ties the batch to it in a trace.
    span: Span,
}

impl<R: Runner> Batcher<R> {
    pub(crate) fn new(runner: R, bounds: Bounds, metrics: QueueMetrics) -> Self {
        let state = Mutex::new(State { queue: VecDeque::new(), is_running: false });
        Self(Arc::new(Shared { runner, bounds, metrics, state, became_idle: Notify::new() }))
    }

    /// Queues a call. It does not run if its caller goes away before it is in a batch; once
    /// started, it runs to its end. A call that can't be queued is refused at once.
    pub(crate) fn submit(&self, call: R::Call) {
        let mut state = self.0.state.lock();
        if state.queue.len() >= self.0.bounds.max_waiting {
            // Abandoned calls must not keep others out.
            state.queue.retain(|waiting| !waiting.call.is_abandoned());
        }
        if state.queue.len() >= self.0.bounds.max_waiting {
            drop(state);
            self.0.metrics.refused();
            return call.refuse(Refusal::QueueFull);
        }
        state.queue.push_back(Waiting { call, since: Instant::now(), span: Span::current() });
        self.0.metrics.waiting(state.queue.len());
        if !state.is_running {
            state.is_running = true;
            tokio::spawn(Arc::clone(&self.0).work());
        }
    }

    /// Asks a question and waits for its answer.
    ///
    /// # Errors
    /// When the question was refused, or the runner panicked before it answered.
    pub(crate) async fn ask<Q, A>(&self, key: Q) -> Result<A, Refusal>
    where
        R: Runner<Call = Question<Q, A>>,
        Q: Send + 'static,
        A: Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        self.submit(Question { key, caller });
        answer.await.unwrap_or(Err(Refusal::BatchPanicked))
    }

    /// Waits until no call waits or runs.
    pub(crate) async fn idle(&self) {
        loop {
            let became_idle = self.0.became_idle.notified();
            if !self.0.state.lock().is_running {
                return;
            }
            became_idle.await;
        }
    }
}

impl<R: Runner> Shared<R> {
    async fn work(self: Arc<Self>) {
        loop {
            // Let callers that are ready go first. Otherwise the first of many calls that come at
            // the same moment would be a batch of its own, and the others would wait for it.
            yield_now().await;
            let Some(batch) = self.next_batch() else { break };
            let started = Instant::now();
            let span = batch_span(&batch);
            let count = batch.len();
            let mut calls = Vec::with_capacity(batch.len());
            for waiting in batch {
                self.metrics.waited(started - waiting.since);
                calls.push(waiting.call);
            }
            // The panic hook logs a panic. It also drops the calls, so their callers learn of it.
            let latecomers = Latecomers {
                state: &self.state,
                metrics: &self.metrics,
                max_batch: self.bounds.max_batch,
                started_with: count,
                is_closed: AtomicBool::new(false),
            };
            let run = self.runner.run(calls, &latecomers).instrument(span);
            let mut running = pin!(AssertUnwindSafe(run).catch_unwind());
            loop {
                tokio::select! {
                    biased;
                    _ = &mut running => break,
                    // However long the batch takes, no call behind it waits longer than its limit.
                    () = sleep_until(self.next_wait_timeout()) => self.refuse_overdue(),
                }
            }
            latecomers.close(0);
            self.metrics.took(started.elapsed());
        }
    }

    /// Takes the calls of the next batch. If there are none, it returns `None` and records that
    /// nothing runs.
    fn next_batch(&self) -> Option<Vec<Waiting<R::Call>>> {
        let mut state = self.state.lock();
        let mut batch = Vec::with_capacity(state.queue.len().min(self.bounds.max_batch));
        while batch.len() < self.bounds.max_batch
            && let Some(waiting) = state.queue.pop_front()
        {
            if !waiting.call.is_abandoned() {
                batch.push(waiting);
            }
        }
        self.metrics.waiting(state.queue.len());
        if batch.is_empty() {
            state.is_running = false;
            self.became_idle.notify_waiters();
            return None;
        }
        Some(batch)
    }

    /// The time when the first call in the queue has waited too long. If the queue is empty, it is
    /// the time for a call that would arrive now.
    fn next_wait_timeout(&self) -> Instant {
        let first = self.state.lock().queue.front().map(|first| first.since);
        first.unwrap_or_else(Instant::now) + self.bounds.wait_timeout
    }

    fn refuse_overdue(&self) {
        let mut state = self.state.lock();
        while let Some(first) = state.queue.front()
            && first.since.elapsed() >= self.bounds.wait_timeout
            && let Some(overdue) = state.queue.pop_front()
        {
            self.metrics.refused();
            overdue.call.refuse(Refusal::WaitTimeout);
        }
        self.metrics.waiting(state.queue.len());
    }
}

/// The calls that arrived after a batch was started, and can still join it.
pub(crate) struct Latecomers<'a, C> {
    state: &'a Mutex<State<C>>,
    metrics: &'a QueueMetrics,
    max_batch: usize,
    /// The number of calls that the batch had at its start, of which some may be answered already.
    started_with: usize,
    is_closed: AtomicBool,
}

impl<C: Call> Latecomers<'_, C> {
    /// Adds the first calls of the queue to a batch, as long as they fit and there is room. It does so
    /// once; then the batch is closed.
    pub(crate) fn join(&self, batch: &mut Vec<C>, fits: impl Fn(&C) -> bool) {
        if self.is_closed.load(Ordering::Relaxed) {
            return;
        }
        let before = batch.len();
        let mut state = self.state.lock();
        while batch.len() < self.max_batch
            && let Some(first) = state.queue.front()
            && (first.call.is_abandoned() || fits(&first.call))
            && let Some(waiting) = state.queue.pop_front()
        {
            if waiting.call.is_abandoned() {
                continue;
            }
            self.metrics.waited(waiting.since.elapsed());
            Span::current().follows_from(&waiting.span);
            batch.push(waiting.call);
        }
        self.metrics.waiting(state.queue.len());
        drop(state);
        self.close(batch.len() - before);
    }

    /// Nobody joins any more. So many calls have joined.
    fn close(&self, joined: usize) {
        if !self.is_closed.swap(true, Ordering::Relaxed) {
            self.metrics.closed(self.started_with + joined);
        }
    }
}

/// In a trace, a batch belongs to its first caller and follows from the others.
fn batch_span<C>(batch: &[Waiting<C>]) -> Span {
    let Some((first, others)) = batch.split_first() else { return Span::none() };
    let span = tracing::debug_span!(parent: &first.span, "batch", calls = batch.len());
    if !span.is_disabled() {
        for other in others {
            span.follows_from(&other.span);
        }
    }
    span
}

impl<R: Runner> Clone for Batcher<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Runner> fmt::Debug for Batcher<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batcher").field("bounds", &self.0.bounds).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{Semaphore, mpsc};

    use super::*;

    /// Reports each batch, and waits for a permit before it answers one. Then it reports
    /// who joins, if anybody may.
    struct Gated {
        started: mpsc::UnboundedSender<Vec<u32>>,
        gate: Arc<Semaphore>,
    }

    impl Runner for Gated {
        type Call = Question<u32, u32>;

        async fn run(&self, mut calls: Vec<Self::Call>, latecomers: &Latecomers<'_, Self::Call>) {
            let numbers =
                |calls: &[Self::Call]| -> Vec<u32> { calls.iter().map(|call| call.key).collect() };
            assert!(!numbers(&calls).contains(&666), "a batch that panics");
            self.started.send(numbers(&calls)).unwrap();
            self.gate.acquire().await.unwrap().forget();
            if calls[0].key >= JOINABLE {
                let before = calls.len();
                latecomers.join(&mut calls, |call| call.key >= JOINABLE);
                latecomers.join(&mut calls, |_| panic!("they join once"));
                self.started.send(numbers(&calls[before..])).unwrap();
            }
            for call in calls {
                let answer = call.key * 10;
                call.answer(answer);
            }
        }
    }

    /// Calls with this number or a higher one can join each other's batches.
    const JOINABLE: u32 = 1_000;

    struct Fixture {
        batcher: Batcher<Gated>,
        started: mpsc::UnboundedReceiver<Vec<u32>>,
        gate: Arc<Semaphore>,
    }

    fn fixture(bounds: Bounds) -> Fixture {
        let (sender, started) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let runner = Gated { started: sender, gate: Arc::clone(&gate) };
        Fixture { batcher: Batcher::new(runner, bounds, QueueMetrics::default()), started, gate }
    }

    const BOUNDS: Bounds =
        Bounds { max_batch: 3, max_waiting: 5, wait_timeout: Duration::from_secs(10) };

    impl Fixture {
        fn call(&self, call: u32) -> tokio::task::JoinHandle<Result<u32, Refusal>> {
            let batcher = self.batcher.clone();
            tokio::spawn(async move { batcher.ask(call).await })
        }

        async fn until_waiting(&self, count: usize) {
            while self.batcher.0.state.lock().queue.len() != count {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn calls_that_fit_join_a_batch_that_has_room() {
        let mut fixture = fixture(BOUNDS);
        let first = fixture.call(1_001);
        assert_eq!(fixture.started.recv().await.unwrap(), [1_001]);
        let abandoned = fixture.call(2);
        fixture.until_waiting(1).await;
        abandoned.abort();
        assert!(abandoned.await.is_err());
        let mut others = Vec::new();
        for call in [1_002, 3, 1_004] {
            others.push(fixture.call(call));
            fixture.until_waiting(others.len() + 1).await;
        }
        fixture.gate.add_permits(1);
        assert_eq!(fixture.started.recv().await.unwrap(), [1_002], "nobody overtakes another call");
        assert_eq!(first.await.unwrap(), Ok(10_010));
        assert_eq!(others.remove(0).await.unwrap(), Ok(10_020));
        assert_eq!(fixture.started.recv().await.unwrap(), [3, 1_004]);
        fixture.gate.add_permits(1);
        for call in others {
            call.await.unwrap().unwrap();
        }

        let first = fixture.call(1_000);
        assert_eq!(fixture.started.recv().await.unwrap(), [1_000]);
        let mut others = Vec::new();
        for call in 1_001..=1_003 {
            others.push(fixture.call(call));
            fixture.until_waiting(others.len()).await;
        }
        fixture.gate.add_permits(2);
        let joined = fixture.started.recv().await.unwrap();
        assert_eq!(joined, [1_001, 1_002], "three calls are the most for a batch");
        first.await.unwrap().unwrap();
        for call in others {
            call.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn the_first_call_starts_at_once_and_the_others_share_the_next_batches_in_order() {
        let mut fixture = fixture(BOUNDS);
        let first = fixture.call(1);
        assert_eq!(fixture.started.recv().await.unwrap(), [1]);
        let mut others = Vec::new();
        for call in 2..=6 {
            others.push(fixture.call(call));
            fixture.until_waiting(others.len()).await;
        }
        fixture.gate.add_permits(3);
        assert_eq!(first.await.unwrap(), Ok(10));
        assert_eq!(fixture.started.recv().await.unwrap(), [2, 3, 4]);
        assert_eq!(fixture.started.recv().await.unwrap(), [5, 6]);
        for (call, other) in (2..=6).zip(others) {
            assert_eq!(other.await.unwrap(), Ok(call * 10));
        }
        fixture.batcher.idle().await;
    }

    #[tokio::test]
    async fn a_call_that_finds_the_queue_full_is_refused_at_once() {
        let mut fixture = fixture(Bounds { max_waiting: 2, ..BOUNDS });
        let first = fixture.call(1);
        fixture.started.recv().await.unwrap();
        let waiting = [fixture.call(2), fixture.call(3)];
        fixture.until_waiting(2).await;
        assert_eq!(fixture.batcher.ask(4).await, Err(Refusal::QueueFull));
        fixture.gate.add_permits(2);
        assert_eq!(first.await.unwrap(), Ok(10));
        for call in waiting {
            call.await.unwrap().unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_too_long_is_refused_while_the_batch_before_it_goes_on() {
        let mut fixture = fixture(BOUNDS);
        let first = fixture.call(1);
        fixture.started.recv().await.unwrap();
        let asked = Instant::now();
        assert_eq!(fixture.batcher.ask(2).await, Err(Refusal::WaitTimeout));
        assert_eq!(asked.elapsed().as_secs(), 10);
        fixture.gate.add_permits(1);
        assert_eq!(first.await.unwrap(), Ok(10));
    }

    #[tokio::test]
    async fn the_call_of_a_caller_that_went_away_does_not_run() {
        let mut fixture = fixture(BOUNDS);
        let first = fixture.call(1);
        fixture.started.recv().await.unwrap();
        let gone = fixture.call(2);
        fixture.until_waiting(1).await;
        let other = fixture.call(3);
        fixture.until_waiting(2).await;
        gone.abort();
        gone.await.unwrap_err();
        fixture.gate.add_permits(2);
        assert_eq!(fixture.started.recv().await.unwrap(), [3]);
        assert_eq!((first.await.unwrap(), other.await.unwrap()), (Ok(10), Ok(30)));
    }

    #[tokio::test]
    async fn callers_that_went_away_keep_nobody_out() {
        let mut fixture = fixture(Bounds { max_waiting: 2, ..BOUNDS });
        let first = fixture.call(1);
        fixture.started.recv().await.unwrap();
        let gone = [fixture.call(2), fixture.call(3)];
        fixture.until_waiting(2).await;
        for gone in gone {
            gone.abort();
            gone.await.unwrap_err();
        }
        let other = fixture.call(4);
        fixture.until_waiting(1).await;
        fixture.gate.add_permits(2);
        assert_eq!((first.await.unwrap(), other.await.unwrap()), (Ok(10), Ok(40)));
    }

    #[tokio::test]
    async fn a_batch_that_panics_ends_only_itself() {
        let fixture = fixture(BOUNDS);
        assert_eq!(fixture.batcher.ask(666).await, Err(Refusal::BatchPanicked));
        fixture.gate.add_permits(1);
        assert_eq!(fixture.batcher.ask(7).await, Ok(70));
    }
}
