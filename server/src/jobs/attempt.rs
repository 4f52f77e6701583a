//! One attempt at a job: runs the handler, keeps the lease meanwhile, and settles the job.

use std::{error::Error, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Failure, Final, Handlers, Progress, Queue, TooEarly, retry_policy,
    store::{self, ClaimedJob, Settlement},
};
use crate::{database::Fault, metrics::Metrics};

/// For how long a job belongs to its worker. After that, another worker may take it.
pub(super) const LEASE: Duration = Duration::from_secs(30);
/// The lease is renewed this often, so a renewal may fail once or twice.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(10);
/// Longest time for an attempt. A handler that waits forever would otherwise keep its worker.
const MAX_TIME: Duration = Duration::from_secs(120);
/// The pause before a lease is renewed, or a job is settled, once more after the database failed.
const DATABASE_RETRY_PAUSE: Duration = Duration::from_secs(1);

/// What all attempts need.
#[derive(Clone, Debug)]
pub(super) struct Attempts {
    pub(super) queue: Queue,
    pub(super) handlers: Arc<Handlers>,
    pub(super) metrics: Metrics,
    /// Ends attempts that are too slow for a server that stops.
    pub(super) cut_off: CancellationToken,
}

impl Attempts {
    /// Makes an attempt at a job that was claimed at `claimed_at` or later.
    pub(super) async fn run(self, job: ClaimedJob, claimed_at: Instant) {
        let settlement = tokio::select! {
            biased;
            settlement = self.handle(&job) => settlement,
            () = self.until_lease_is_lost(&job, claimed_at) => return self.report_lost_lease(&job),
            () = self.cut_off.cancelled() => Settlement::GiveBack,
        };
        // If the database is away for longer than the lease, the job runs again.
        let deadline = Instant::now() + LEASE;
        let mut may_be_settled = false;
        loop {
            match store::settle(&self.queue.db, &job, &settlement).await {
                Ok(is_leased) if is_leased || may_be_settled => {
                    return self.report(&job, &settlement);
                }
                Ok(_) => return self.report_lost_lease(&job),
                Err(error) => {
                    tracing::debug!(%error, job = %job.id, "a job could not be settled");
                    may_be_settled |= Fault::of(&error).leaves_commit_in_doubt();
                    if Instant::now() + DATABASE_RETRY_PAUSE >= deadline {
                        return self.report_lost_lease(&job);
                    }
                    sleep(DATABASE_RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Runs the handler, and decides what becomes of the job.
    async fn handle(&self, job: &ClaimedJob) -> Settlement {
        let Some(handler) = self.handlers.find(job.kind) else { return Settlement::GiveBack };
        if retry_policy::is_one_too_many(job.attempts) {
            let error =
                "its last attempt did not end, because its server did, or lost the database";
            return Settlement::GiveUp { error: error.to_owned() };
        }
        // The panic hook logs where and why.
        let work = AssertUnwindSafe(async { handler(job.id, &job.payload).await }).catch_unwind();
        let result: Result<Progress, Failure> = match tokio::time::timeout(MAX_TIME, work).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err("it panicked; the log says where".into()),
            Err(_) => Err(format!("it took longer than {} seconds", MAX_TIME.as_secs()).into()),
        };
        match result {
            Ok(Progress::Done) => Settlement::Done,
            Ok(Progress::Rest(rest)) => Settlement::Continue(rest),
            Ok(Progress::Split { jobs, rest }) => Settlement::Split { jobs, rest },
            Err(failure) => after_failure(&*failure, job.attempts),
        }
    }

    /// Renews the lease until it is lost, because the job was discarded, or because the database was
    /// away for too long.
    async fn until_lease_is_lost(&self, job: &ClaimedJob, claimed_at: Instant) {
        let (mut end, mut pause) = (claimed_at + LEASE, RENEWAL_INTERVAL);
        loop {
            sleep(pause).await;
            let asked_at = Instant::now();
            match store::renew(&self.queue.db, job, LEASE).await {
                Ok(true) => (end, pause) = (asked_at + LEASE, RENEWAL_INTERVAL),
                Ok(false) => return,
                Err(error) => {
                    tracing::debug!(%error, job = %job.id, "a lease could not be renewed");
                    pause = DATABASE_RETRY_PAUSE;
                }
            }
            if Instant::now() + pause >= end {
                return;
            }
        }
    }

    fn report(&self, job: &ClaimedJob, settlement: &Settlement) {
        let ClaimedJob { id, kind, attempts, .. } = job;
        let outcome = match settlement {
            Settlement::Done => "done",
            Settlement::Continue(_) | Settlement::Split { rest: Some(_), .. } => "continued",
            Settlement::Split { rest: None, .. } => "done",
            Settlement::GiveBack => "given_back",
            Settlement::Defer { .. } => "deferred",
            Settlement::Retry { error, pause } => {
                tracing::warn!(job = %id, kind, attempts, error, ?pause, "a job failed and is retried");
                "failed"
            }
            Settlement::GiveUp { error } => {
                tracing::error!(
                    job = %id, kind, attempts, error,
                    "a job was given up; `rowlock jobs retry` starts it again"
                );
                "given_up"
            }
        };
        self.metrics.job_attempted(kind, outcome);
    }

    fn report_lost_lease(&self, job: &ClaimedJob) {
        tracing::warn!(job = %job.id, kind = job.kind, "a worker lost its job");
        self.metrics.job_attempted(job.kind, "lost");
    }
}

/// Decides what becomes of a job whose attempt failed.
fn after_failure(failure: &(dyn Error + Send + Sync + 'static), attempts: u32) -> Settlement {
    let error = failure.to_string();
    if let Some(TooEarly { pause, .. }) = failure.downcast_ref() {
        return Settlement::Defer { pause: retry_policy::jittered(*pause), reason: error };
    }
    match failure.is::<Final>() || retry_policy::was_last(attempts) {
        true => Settlement::GiveUp { error },
        false => Settlement::Retry { pause: retry_policy::pause(attempts), error },
    }
}
