//! Runs the server's background tasks, and restarts a task that ends or panics.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio::{task::JoinSet, time::sleep};

use crate::metrics::Metrics;

/// The pause before a task is restarted. Without it, a task that always fails would keep a core
/// busy.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// The background tasks. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Supervisor {
    tasks: JoinSet<()>,
    metrics: Metrics,
}

impl Supervisor {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { tasks: JoinSet::new(), metrics }
    }

    /// Runs a task that should never end. `start` creates it. If the task ends or panics, this is
    /// logged and counted, and `start` creates it again.
    pub(super) fn run<F>(
        &mut self,
        name: &'static str,
        mut start: impl FnMut() -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let restarts = self.metrics.task_restarts(name);
        self.tasks.spawn(async move {
            loop {
                let task = AssertUnwindSafe(async { start().await });
                let how = match task.catch_unwind().await {
                    Ok(()) => "ended",
                    // The panic hook has logged where and why.
                    Err(_) => "panicked",
                };
                tracing::error!("the background task {name} {how}; it is being restarted");
                restarts.inc();
                sleep(RESTART_PAUSE).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_or_panics_is_started_again_and_counted() {
        let metrics = Metrics::new();
        let mut supervisor = Supervisor::new(metrics.clone());
        let starts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&starts);
        supervisor.run("unlucky", move || {
            let number = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                match number {
                    0 => {}
                    1 => panic!("as expected"),
                    _ => std::future::pending().await,
                }
            }
        });
        let started = Instant::now();
        while starts.load(Ordering::Relaxed) < 3 {
            sleep(Duration::from_millis(100)).await;
        }
        assert!(started.elapsed() >= 2 * RESTART_PAUSE, "{:?}", started.elapsed());
        assert_eq!(metrics.task_restarts("unlucky").get(), 2);
        drop(supervisor);
    }
}
