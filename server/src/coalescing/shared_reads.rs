//! Runs equal reads once. Reads that arrive while an equal one runs share the next run, which
//! starts after they arrived.
//!
//! So a storm of page loads costs little, and no answer is older than its request. Nothing is
//! cached: an answer goes to the readers that waited for it and is then dropped.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    future::Future,
    hash::Hash,
    mem,
    panic::AssertUnwindSafe,
    sync::Arc,
};

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

/// A read. At any one moment, equal reads have equal answers, whoever asks.
pub(crate) trait Read: Clone + Eq + Hash + Send + Sync + 'static {
    /// The source that the answer is read from.
    type Source: Send + Sync + 'static;
    /// The answer. It must be cheap to clone.
    type Found: Clone + Send + 'static;

    fn run(&self, source: &Self::Source) -> impl Future<Output = Self::Found> + Send;
}

/// The error of a read that panicked.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a shared read panicked")]
pub struct ReadPanicked;

/// Runs reads of one kind. Clones share them.
pub(crate) struct SharedReads<R: Read>(Arc<Shared<R>>);

struct Shared<R: Read> {
    source: R::Source,
    /// The running reads, each with the readers that wait for its next run.
    running: Mutex<HashMap<R, Vec<Waiting<R>>>>,
}

type Waiting<R> = oneshot::Sender<<R as Read>::Found>;

impl<R: Read> SharedReads<R> {
    pub(crate) fn new(source: R::Source) -> Self {
        Self(Arc::new(Shared { source, running: Mutex::default() }))
    }

    /// Runs `read`, or shares a run that starts after this call.
    ///
    /// # Errors
    /// When the read panicked.
    pub(crate) async fn find(&self, read: R) -> Result<R::Found, ReadPanicked> {
        let (waiting, found) = oneshot::channel();
        match self.0.running.lock().entry(read) {
            Entry::Occupied(mut running) => running.get_mut().push(waiting),
            Entry::Vacant(entry) => {
                let read = entry.key().clone();
                entry.insert(Vec::new());
                tokio::spawn(Arc::clone(&self.0).work(read, waiting, Span::current()));
            }
        }
        found.await.map_err(|_| ReadPanicked)
    }
}

impl<R: Read> Shared<R> {
    /// In a trace, the first run belongs to the reader that started it, and later runs to nobody.
    async fn work(self: Arc<Self>, read: R, first: Waiting<R>, mut span: Span) {
        let mut waiting = vec![first];
        loop {
            let run = read.run(&self.source).instrument(mem::replace(&mut span, Span::none()));
            let running = AssertUnwindSafe(run).catch_unwind();
            let Ok(found) = running.await else {
                // The panic hook has logged the panic. Dropping the senders tells the waiting
                // readers.
                self.running.lock().remove(&read);
                return;
            };
            for waiting in waiting {
                // A reader that went away needs no answer.
                let _ = waiting.send(found.clone());
            }
            let mut running = self.running.lock();
            waiting = running.get_mut(&read).map(mem::take).unwrap_or_default();
            if waiting.is_empty() {
                running.remove(&read);
                return;
            }
        }
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

    /// Reports each run, and waits for a permit before it answers. Counts up, so that answers
    /// differ.
    struct Source {
        started: mpsc::UnboundedSender<u32>,
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
                let mut count = source.count.lock();
                *count += 1;
                *count
            };
            source.started.send(number).unwrap();
            source.gate.acquire().await.unwrap().forget();
            number
        }
    }

    fn fixture() -> (SharedReads<Question>, Arc<Source>, mpsc::UnboundedReceiver<u32>) {
        let (started, starts) = mpsc::unbounded_channel();
        let source = Arc::new(Source { started, gate: Semaphore::new(0), count: Mutex::default() });
        (SharedReads::new(Arc::clone(&source)), source, starts)
    }

    #[tokio::test]
    async fn reads_that_arrive_while_one_runs_share_the_next() {
        let (reads, source, mut starts) = fixture();
        let ask = |question| {
            let reads = reads.clone();
            tokio::spawn(async move { reads.find(Question(question)).await.unwrap() })
        };
        let first = ask("list");
        assert_eq!(starts.recv().await, Some(1));
        let later = [ask("list"), ask("list"), ask("list")];
        while reads.0.running.lock().get(&Question("list")).map(Vec::len) != Some(3) {
            tokio::task::yield_now().await;
        }
        // A different read does not wait.
        let other = ask("search");
        assert_eq!(starts.recv().await, Some(2));
        source.gate.add_permits(3);
        assert_eq!((first.await.unwrap(), other.await.unwrap()), (1, 2));
        for answer in later {
            assert_eq!(answer.await.unwrap(), 3, "started after they arrived");
        }
        assert!(reads.0.running.lock().is_empty(), "nothing is kept");
    }

    #[tokio::test]
    async fn a_read_that_panics_keeps_nobody_waiting() {
        let (reads, ..) = fixture();
        for _ in 0..2 {
            reads.find(Question("a read that panics")).await.unwrap_err();
        }
        assert!(reads.0.running.lock().is_empty());
    }
}
