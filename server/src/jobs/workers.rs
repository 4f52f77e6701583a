//! The workers of one server.

use std::{collections::HashMap, future::pending, sync::Arc, time::Duration};

use sea_orm::DbErr;
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Handlers, Queue,
    attempt::{Attempts, LEASE},
    handlers::Kind,
    store::{self, ClaimedJob},
};
use crate::metrics::Metrics;

/// Largest number of jobs that one server runs at the same time.
const MAX_RUNNING: usize = 10;
/// Time between two looks for jobs that other servers wrote, or that were to run later.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Time between two counts of all jobs.
const COUNT_INTERVAL: Duration = Duration::from_secs(5);
/// Longest time in which attempts that were cut off give their jobs back.
const GIVE_BACK_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs the jobs of the kinds that it has handlers for. Clones are the same workers.
#[derive(Clone, Debug)]
pub struct Workers {
    attempts: Attempts,
    stopping: CancellationToken,
    stopped: CancellationToken,
}

impl Workers {
    #[must_use]
    pub fn new(queue: &Queue, handlers: Handlers, metrics: &Metrics) -> Self {
        Self {
            attempts: Attempts {
                queue: queue.clone(),
                handlers: Arc::new(handlers),
                metrics: metrics.clone(),
                cut_off: CancellationToken::new(),
            },
            stopping: CancellationToken::new(),
            stopped: CancellationToken::new(),
        }
    }

    /// Runs jobs for as long as the server runs. If this is dropped, so are the attempts, and other
    /// workers take their jobs when the leases are over.
    pub async fn run(self) {
        let mut running = Running::default();
        let mut turn = 0;
        while !self.stopping.is_cancelled() {
            // One claim serves all attempts that have ended meanwhile.
            running.note_ended();
            let free = MAX_RUNNING - running.len();
            let claimed_at = Instant::now();
            let claimed = self.claim(&running, free, turn).await;
            turn += 1;
            // After a failure, the pause is never shorter, because the database may be away.
            let may_be_woken = claimed.is_ok();
            let Claimed { jobs, may_find_more } = claimed.unwrap_or_else(|error| {
                tracing::debug!(%error, "could not look for jobs");
                Claimed::default()
            });
            for job in jobs {
                running.spawn(job.kind, self.attempts.clone().run(job, claimed_at));
            }
            if may_find_more {
                continue;
            }
            let has_room = running.len() < MAX_RUNNING;
            tokio::select! {
                () = self.stopping.cancelled() => {}
                true = running.next_ended(), if may_be_woken => {}
                () = self.attempts.queue.woken(), if may_be_woken && has_room => {}
                () = sleep(LOOK_INTERVAL), if has_room => {}
            }
        }
        while running.next_ended().await {}
        self.stopped.cancel();
        pending::<()>().await;
    }

    /// Claims up to `max` jobs, of each kind that has some equally many, and of none more than may
    /// run. `turn` decides which kind comes first, so that none waits for all the others.
    async fn claim(&self, running: &Running, max: usize, turn: usize) -> Result<Claimed, DbErr> {
        let Attempts { queue, handlers, .. } = &self.attempts;
        let db = &queue.db;
        let mut due: Vec<Kind> =
            handlers.kinds().filter(|kind| running.of(kind.name) < kind.max_running).collect();
        if max == 0 || due.is_empty() {
            return Ok(Claimed::default());
        }
        let found = store::find_due_kinds(db, due.iter().map(|kind| kind.name)).await?;
        due.retain(|kind| found.iter().any(|name| name == kind.name));
        let mut claimed = Claimed::default();
        if due.is_empty() {
            return Ok(claimed);
        }
        let first = turn % due.len();
        due.rotate_left(first);
        let share = max.div_ceil(due.len());
        for kind in due {
            let room = kind.max_running - running.of(kind.name);
            let share = share.min(max - claimed.jobs.len());
            let wanted = share.min(room);
            if wanted == 0 {
                break;
            }
            let claim = async {
                match kind.is_exclusive {
                    true => store::claim_only_one(db, kind.name, LEASE).await,
                    false => store::claim(db, kind.name, wanted, LEASE).await,
                }
            };
            match claim.await {
                Ok(jobs) => {
                    // The kind has room for more than its share, and may have more.
                    claimed.may_find_more |= jobs.len() == share && share < room;
                    claimed.jobs.extend(jobs);
                }
                // What is claimed must run.
                Err(_) if !claimed.jobs.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        claimed.may_find_more &= claimed.jobs.len() < max;
        Ok(claimed)
    }

    /// Counts the jobs every few seconds, for as long as the server runs.
    pub async fn count_jobs(self) {
        let Attempts { queue, handlers, .. } = self.attempts;
        loop {
            match store::read_backlog(&queue.db, handlers.names()).await {
                Ok(backlog) => queue.set_backlog(backlog),
                Err(error) => tracing::debug!(%error, "could not count jobs"),
            }
            sleep(COUNT_INTERVAL).await;
        }
    }

    /// Begins to stop: no further job is begun. Those that run go on.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Waits until the running attempts have ended. Those that have not after `longest` are cut off,
    /// and give their jobs back.
    pub async fn stopped_within(&self, longest: Duration) {
        if timeout(longest, self.stopped.cancelled()).await.is_err() {
            tracing::warn!(
                "jobs were still running when the server stopped; others run them again"
            );
            self.attempts.cut_off.cancel();
            let _ = timeout(GIVE_BACK_TIMEOUT, self.stopped.cancelled()).await;
        }
    }
}

/// The jobs that a look has found.
#[derive(Debug, Default)]
struct Claimed {
    jobs: Vec<ClaimedJob>,
    /// Whether another look may find more at once.
    may_find_more: bool,
}

/// The attempts that run.
#[derive(Debug, Default)]
struct Running {
    attempts: JoinSet<()>,
    kinds: HashMap<tokio::task::Id, &'static str>,
}

impl Running {
    fn len(&self) -> usize {
        self.attempts.len()
    }

    /// Number of attempts at jobs of one kind.
    fn of(&self, kind: &str) -> usize {
        self.kinds.values().filter(|running| **running == kind).count()
    }

    fn spawn(&mut self, kind: &'static str, attempt: impl Future<Output = ()> + Send + 'static) {
        self.kinds.insert(self.attempts.spawn(attempt).id(), kind);
    }

    /// Forgets the attempts that have ended.
    fn note_ended(&mut self) {
        while let Some(ended) = self.attempts.try_join_next_with_id() {
            self.forget(ended);
        }
    }

    /// Waits until an attempt has ended. Returns false if none runs.
    async fn next_ended(&mut self) -> bool {
        match self.attempts.join_next_with_id().await {
            Some(ended) => {
                self.forget(ended);
                true
            }
            None => false,
        }
    }

    fn forget(&mut self, ended: Result<(tokio::task::Id, ()), JoinError>) {
        self.kinds.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
    }
}
