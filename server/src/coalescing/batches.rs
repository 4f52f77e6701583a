//! Calls that come while one batch runs share the next.
//!
//! There is no timer: a call that finds nobody at work starts at once, alone; while that runs, others
//! gather. The busier it gets, the larger the batches. What is done with a batch is its [`Runner`]'s
//! business; this owns who waits, in which order, for how long, and who is told when it is over.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use sea_orm::DbErr;
use tokio::{
    sync::{Notify, oneshot},
    task::yield_now,
    time::{Instant, sleep_until},
};
use tracing::{Instrument, Span};

use crate::{database::overdue, metrics::QueueMetrics};

/// What is done with the calls of a batch.
pub(crate) trait Runner: Send + Sync + 'static {
    type Call: Send + 'static;
    type Answer: Send + 'static;

    /// Answers each call, by its place among them, as soon as it can.
    fn run(
        &self,
        calls: Vec<Self::Call>,
        answer: impl FnMut(usize, Self::Answer) + Send,
    ) -> impl Future<Output = ()> + Send;
}

/// How much may gather.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Calls in one batch.
    pub(crate) batch: usize,
    /// Calls that wait for the next ones.
    pub(crate) queue: usize,
    /// How long a call waits for its batch to begin.
    pub(crate) wait: Duration,
}

impl Bounds {
    /// For rows looked up by key.
    pub(crate) const FOR_LOOKUPS: Self =
        Self { batch: 1_000, queue: 100_000, wait: Duration::from_secs(5) };
}

/// Why a call was not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("too many calls are waiting")]
    Full,
    #[error("the call waited too long for its turn")]
    Overdue,
    #[error("the batch broke off")]
    Broken,
}

impl From<Refusal> for DbErr {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full | Refusal::Overdue => overdue(),
            Refusal::Broken => Self::Custom(refusal.to_string()),
        }
    }
}

/// A queue of calls, and the task that works it off while there are any. Clones share both.
pub(crate) struct Batcher<R: Runner>(Arc<Shared<R>>);

struct Shared<R: Runner> {
    runner: R,
    bounds: Bounds,
    metrics: QueueMetrics,
    state: Mutex<State<R>>,
    idle: Notify,
}

struct State<R: Runner> {
    /// First come first served; so the first is also the first to be overdue.
    queue: VecDeque<Waiting<R>>,
    is_running: bool,
}

struct Waiting<R: Runner> {
    call: R::Call,
    since: Instant,
    /// Who waits, in a trace.
    span: Span,
    answer: oneshot::Sender<Result<R::Answer, Refusal>>,
}

impl<R: Runner> Batcher<R> {
    pub(crate) fn new(runner: R, bounds: Bounds, metrics: QueueMetrics) -> Self {
        let state = Mutex::new(State { queue: VecDeque::new(), is_running: false });
        Self(Arc::new(Shared { runner, bounds, metrics, state, idle: Notify::new() }))
    }

    /// Waits for a batch and gives its answer to this call. A caller that goes away before its batch
    /// begins takes its call along; later, the call is run all the same.
    ///
    /// # Errors
    /// When the call was not run, or ([`Refusal::Broken`]) the runner panicked before it answered.
    pub(crate) async fn call(&self, call: R::Call) -> Result<R::Answer, Refusal> {
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.0.state();
            if state.queue.len() >= self.0.bounds.queue {
                // Whoever went away keeps nobody out.
                state.queue.retain(|waiting| !waiting.answer.is_closed());
            }
            if state.queue.len() >= self.0.bounds.queue {
                self.0.metrics.refused();
                return Err(Refusal::Full);
            }
            let waiting = Waiting { call, since: Instant::now(), span: Span::current(), answer };
            state.queue.push_back(waiting);
            self.0.metrics.waiting(state.queue.len());
            if !state.is_running {
                state.is_running = true;
                tokio::spawn(Arc::clone(&self.0).work());
            }
        }
        answered.await.unwrap_or(Err(Refusal::Broken))
    }

    /// Ends when no call waits or runs.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.0.idle.notified();
            if !self.0.state().is_running {
                return;
            }
            idle.await;
        }
    }
}

impl<R: Runner> Shared<R> {
    async fn work(self: Arc<Self>) {
        loop {
            // Whoever is ready to call does so first: otherwise the first of many that come in the
            // same moment would be a batch alone, and the others wait for it.
            yield_now().await;
            let Some(batch) = self.next_batch() else { break };
            let begun = Instant::now();
            let span = span_of(&batch);
            let mut answers = Vec::with_capacity(batch.len());
            let mut calls = Vec::with_capacity(batch.len());
            for waiting in batch {
                self.metrics.waited(begun - waiting.since);
                answers.push(Some(waiting.answer));
                calls.push(waiting.call);
            }
            self.metrics.begun(calls.len());
            let answer = |place: usize, result| {
                if let Some(answer) = answers.get_mut(place).and_then(Option::take) {
                    // A caller that went away needs none.
                    let _ = answer.send(Ok(result));
                }
            };
            // After a panic, which was logged, the callers find their answers gone.
            let run = self.runner.run(calls, answer).instrument(span);
            let mut running = pin!(AssertUnwindSafe(run).catch_unwind());
            loop {
                tokio::select! {
                    biased;
                    _ = &mut running => break,
                    // However long this takes, nobody behind it waits longer than they may.
                    () = sleep_until(self.next_overdue()) => self.refuse_overdue(),
                }
            }
            self.metrics.took(begun.elapsed());
        }
    }

    /// The calls whose turn it is; `None`, and nobody at work any more, when there are none.
    fn next_batch(&self) -> Option<Vec<Waiting<R>>> {
        let mut state = self.state();
        let mut batch = Vec::with_capacity(state.queue.len().min(self.bounds.batch));
        while batch.len() < self.bounds.batch
            && let Some(waiting) = state.queue.pop_front()
        {
            if !waiting.answer.is_closed() {
                batch.push(waiting);
            }
        }
        self.metrics.waiting(state.queue.len());
        if batch.is_empty() {
            state.is_running = false;
            self.idle.notify_waiters();
            return None;
        }
        Some(batch)
    }

    /// When the next call that waits, or one that comes now, will have waited too long.
    fn next_overdue(&self) -> Instant {
        self.state().queue.front().map_or_else(Instant::now, |first| first.since) + self.bounds.wait
    }

    fn refuse_overdue(&self) {
        let mut state = self.state();
        while let Some(first) = state.queue.front()
            && first.since.elapsed() >= self.bounds.wait
            && let Some(overdue) = state.queue.pop_front()
        {
            self.metrics.refused();
            let _ = overdue.answer.send(Err(Refusal::Overdue));
        }
        self.metrics.waiting(state.queue.len());
    }

    fn state(&self) -> MutexGuard<'_, State<R>> {
        // Nothing that holds the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A batch belongs to the first of its callers, and follows from the others.
fn span_of<R: Runner>(batch: &[Waiting<R>]) -> Span {
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

    /// Says what it was given, and waits for a permit before it answers each batch.
    struct Gated {
        begun: mpsc::UnboundedSender<Vec<u32>>,
        gate: Arc<Semaphore>,
    }

    impl Runner for Gated {
        type Call = u32;
        type Answer = u32;

        async fn run(&self, calls: Vec<u32>, mut answer: impl FnMut(usize, u32) + Send) {
            assert!(!calls.contains(&666), "a batch that panics");
            self.begun.send(calls.clone()).unwrap();
            self.gate.acquire().await.unwrap().forget();
            for (place, call) in calls.into_iter().enumerate() {
                answer(place, call * 10);
            }
        }
    }

    struct Fixture {
        batcher: Batcher<Gated>,
        begun: mpsc::UnboundedReceiver<Vec<u32>>,
        gate: Arc<Semaphore>,
    }

    fn fixture(bounds: Bounds) -> Fixture {
        let (sender, begun) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let runner = Gated { begun: sender, gate: Arc::clone(&gate) };
        Fixture { batcher: Batcher::new(runner, bounds, QueueMetrics::default()), begun, gate }
    }

    const BOUNDS: Bounds = Bounds { batch: 3, queue: 5, wait: Duration::from_secs(10) };

    impl Fixture {
        fn call(&self, call: u32) -> tokio::task::JoinHandle<Result<u32, Refusal>> {
            let batcher = self.batcher.clone();
            tokio::spawn(async move { batcher.call(call).await })
        }

        async fn until_waiting(&self, count: usize) {
            while self.batcher.0.state().queue.len() != count {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn the_first_starts_at_once_and_the_others_share_the_next_batches_in_order() {
        let mut fixture = fixture(BOUNDS);
        let first = fixture.call(1);
        assert_eq!(fixture.begun.recv().await.unwrap(), [1]);
        let mut others = Vec::new();
        for call in 2..=6 {
            others.push(fixture.call(call));
            fixture.until_waiting(others.len()).await;
        }
        fixture.gate.add_permits(3);
        assert_eq!(first.await.unwrap(), Ok(10));
        assert_eq!(fixture.begun.recv().await.unwrap(), [2, 3, 4]);
        assert_eq!(fixture.begun.recv().await.unwrap(), [5, 6]);
        for (call, other) in (2..=6).zip(others) {
            assert_eq!(other.await.unwrap(), Ok(call * 10));
        }
        fixture.batcher.idle().await;
    }

    #[tokio::test]
    async fn more_than_may_wait_are_refused_at_once() {
        let mut fixture = fixture(Bounds { queue: 2, ..BOUNDS });
        let first = fixture.call(1);
        fixture.begun.recv().await.unwrap();
        let waiting = [fixture.call(2), fixture.call(3)];
        fixture.until_waiting(2).await;
        assert_eq!(fixture.batcher.call(4).await, Err(Refusal::Full));
        fixture.gate.add_permits(2);
        assert_eq!(first.await.unwrap(), Ok(10));
        for call in waiting {
            call.await.unwrap().unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_is_told_so_while_the_batch_before_them_goes_on() {
        let mut fixture = fixture(BOUNDS);
        let first = fixture.call(1);
        fixture.begun.recv().await.unwrap();
        let asked = Instant::now();
        assert_eq!(fixture.batcher.call(2).await, Err(Refusal::Overdue));
        assert_eq!(asked.elapsed().as_secs(), 10);
        fixture.gate.add_permits(1);
        assert_eq!(first.await.unwrap(), Ok(10));
    }

    #[tokio::test]
    async fn a_caller_that_went_away_takes_its_call_along() {
        let mut fixture = fixture(BOUNDS);
        let first = fixture.call(1);
        fixture.begun.recv().await.unwrap();
        let gone = fixture.call(2);
        fixture.until_waiting(1).await;
        let other = fixture.call(3);
        fixture.until_waiting(2).await;
        gone.abort();
        gone.await.unwrap_err();
        fixture.gate.add_permits(2);
        assert_eq!(fixture.begun.recv().await.unwrap(), [3]);
        assert_eq!((first.await.unwrap(), other.await.unwrap()), (Ok(10), Ok(30)));
    }

    #[tokio::test]
    async fn whoever_went_away_keeps_nobody_out() {
        let mut fixture = fixture(Bounds { queue: 2, ..BOUNDS });
        let first = fixture.call(1);
        fixture.begun.recv().await.unwrap();
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
        assert_eq!(fixture.batcher.call(666).await, Err(Refusal::Broken));
        fixture.gate.add_permits(1);
        assert_eq!(fixture.batcher.call(7).await, Ok(70));
    }
}
