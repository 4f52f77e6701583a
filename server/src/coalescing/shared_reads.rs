//! Identical reads share one: those that come while one runs share the next, which begins after they came.
//!
//! So a storm of page loads costs little, and nobody sees anything older than their own request. Nothing
//! is kept: an answer goes to those who waited for it, and is gone.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    future::Future,
    hash::Hash,
    mem,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::FutureExt;
use sea_orm::DbErr;
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

/// A question. Equal ones have equal answers at the same moment, whoever asks.
pub(crate) trait Read: Clone + Eq + Hash + Send + Sync + 'static {
    /// Where the answer comes from.
    type Source: Send + Sync + 'static;
    /// Cheap to clone.
    type Found: Clone + Send + 'static;

    fn run(&self, source: &Self::Source) -> impl Future<Output = Self::Found> + Send;
}

/// The read panicked.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a shared read broke off")]
pub(crate) struct BrokenOff;

impl From<BrokenOff> for DbErr {
    fn from(broken: BrokenOff) -> Self {
        Self::Custom(broken.to_string())
    }
}

/// Runs reads of one kind. Clones share them.
pub(crate) struct SharedReads<R: Read>(Arc<Shared<R>>);

struct Shared<R: Read> {
    source: R::Source,
    /// The reads that run, each with those who wait for the next one like it.
    running: Mutex<HashMap<R, Vec<Waiting<R>>>>,
}

type Waiting<R> = oneshot::Sender<<R as Read>::Found>;

impl<R: Read> SharedReads<R> {
    pub(crate) fn new(source: R::Source) -> Self {
        Self(Arc::new(Shared { source, running: Mutex::default() }))
    }

    /// What `read` finds, at a moment after this was called.
    ///
    /// # Errors
    /// When it panicked.
    pub(crate) async fn find(&self, read: R) -> Result<R::Found, BrokenOff> {
        let (waiting, found) = oneshot::channel();
        match self.0.running().entry(read) {
            Entry::Occupied(mut running) => running.get_mut().push(waiting),
            Entry::Vacant(entry) => {
                let read = entry.key().clone();
                entry.insert(Vec::new());
                tokio::spawn(Arc::clone(&self.0).work(read, waiting, Span::current()));
            }
        }
        found.await.map_err(|_| BrokenOff)
    }
}

impl<R: Read> Shared<R> {
    /// `span` is whose read began it; those after it are for nobody in particular.
    async fn work(self: Arc<Self>, read: R, first: Waiting<R>, mut span: Span) {
        let mut waiting = vec![first];
        loop {
            let run = read.run(&self.source).instrument(mem::replace(&mut span, Span::none()));
            let running = AssertUnwindSafe(run).catch_unwind();
            let Ok(found) = running.await else {
                // After a panic, which was logged, those who wait find their answers gone.
                self.running().remove(&read);
                return;
            };
            for waiting in waiting {
                // Whoever went away needs no answer.
                let _ = waiting.send(found.clone());
            }
            let mut running = self.running();
            waiting = running.get_mut(&read).map(mem::take).unwrap_or_default();
            if waiting.is_empty() {
                running.remove(&read);
                return;
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<R, Vec<Waiting<R>>>> {
        // Nothing that holds the lock can panic half-way through a change.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Read> Clone for SharedReads<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Read> fmt::Debug for SharedReads<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedReads").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{Semaphore, mpsc};

    use super::*;

    /// Tells when a read begins, and lets it go on with a permit. Counts up, so that answers differ.
    struct Source {
        begun: mpsc::UnboundedSender<u32>,
        gate: Semaphore,
        count: Mutex<u32>,
    }

    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Question(&'static str);

    impl Read for Question {
        type Source = Arc<Source>;
        type Found = u32;

        async fn run(&self, source: &Arc<Source>) -> u32 {
            assert_ne!(self.0, "a read that panics");
            let number = {
                let mut count = source.count.lock().unwrap();
                *count += 1;
                *count
            };
            source.begun.send(number).unwrap();
            source.gate.acquire().await.unwrap().forget();
            number
        }
    }

    fn fixture() -> (SharedReads<Question>, Arc<Source>, mpsc::UnboundedReceiver<u32>) {
        let (begun, begins) = mpsc::unbounded_channel();
        let source = Arc::new(Source { begun, gate: Semaphore::new(0), count: Mutex::default() });
        (SharedReads::new(Arc::clone(&source)), source, begins)
    }

    #[tokio::test]
    async fn those_that_come_while_one_runs_share_the_next() {
        let (reads, source, mut begins) = fixture();
        let ask = |question| {
            let reads = reads.clone();
            tokio::spawn(async move { reads.find(Question(question)).await.unwrap() })
        };
        let first = ask("list");
        assert_eq!(begins.recv().await, Some(1));
        let later = [ask("list"), ask("list"), ask("list")];
        while reads.0.running().get(&Question("list")).map(Vec::len) != Some(3) {
            tokio::task::yield_now().await;
        }
        // Another question waits for nobody.
        let other = ask("search");
        assert_eq!(begins.recv().await, Some(2));
        source.gate.add_permits(3);
        assert_eq!((first.await.unwrap(), other.await.unwrap()), (1, 2));
        for answer in later {
            assert_eq!(answer.await.unwrap(), 3, "begun after they came");
        }
        assert!(reads.0.running().is_empty(), "nothing is kept");
    }

    #[tokio::test]
    async fn a_read_that_panics_keeps_nobody_waiting() {
        let (reads, ..) = fixture();
        for _ in 0..2 {
            reads.find(Question("a read that panics")).await.unwrap_err();
        }
        assert!(reads.0.running().is_empty());
    }
}
