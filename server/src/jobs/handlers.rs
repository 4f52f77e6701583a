//! What is done for each kind of job. The layers above say it, because they know the domains.

use std::{collections::BTreeMap, error::Error, fmt, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};

use rowlock_entities::JobId;

use super::{Job, NewJob};

/// Why an attempt failed. Operators see its text, so it must not name or quote a person.
pub type Failure = Box<dyn Error + Send + Sync>;

/// A failure after which no attempt can succeed, so the job is given up at once.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Final(pub String);

/// A failure that is not the job's: it is too early for it, and the attempt does not count.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct TooEarly {
    /// Operators see it in the list of jobs, so it must not name a person.
    pub reason: String,
    /// How long the job waits for its next attempt.
    pub pause: Duration,
}

/// How far an attempt came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The job is done.
    Done,
    /// A part is done. The rest is another attempt's, at once, on any server. Long work is done in
    /// parts of some seconds, so that it keeps nobody waiting and is resumed where it was left.
    /// [`Progress::rest`] makes it.
    Rest(Rest),
    /// A part is done, and these jobs do another part. They are written in the transaction that
    /// settles this one, and come before the jobs that were written after it.
    Split { jobs: Vec<NewJob>, rest: Option<Rest> },
}

/// A job, as JSON, that does the rest of another one's work in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest(pub(super) String);

impl Progress {
    /// A part is done, and from now on the job is this one, which may say where to go on.
    ///
    /// # Errors
    /// When the job can't be written as JSON.
    pub fn rest<J: Job>(job: &J) -> Result<Self, Failure> {
        Ok(Self::Rest(Rest::of(job)?))
    }
}

impl Rest {
    /// # Errors
    /// When the job can't be written as JSON.
    pub fn of<J: Job>(job: &J) -> Result<Self, Failure> {
        Ok(Self(serde_json::to_string(job)?))
    }
}

type Handler = Arc<
    dyn Fn(JobId, &str) -> BoxFuture<'static, Result<Progress, Failure>> + Send + Sync + 'static,
>;

/// A kind of jobs that this server can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) is_exclusive: bool,
    /// Number of jobs of this kind that one server runs at the same time.
    pub(super) max_running: usize,
}

/// The handlers, by the kind of their jobs.
#[derive(Clone, Default)]
pub struct Handlers(BTreeMap<&'static str, (Kind, Handler)>);

impl Handlers {
    /// Adds the handler of a kind. It may be called again for a job that it has finished.
    #[must_use]
    pub fn with<J, F>(self, run: impl Fn(J) -> F + Send + Sync + 'static) -> Self
    where
        J: Job,
        F: Future<Output = Result<Progress, Failure>> + Send + 'static,
    {
        self.with_id(move |_, job| run(job))
    }

    /// Adds the handler of a kind that needs the ids of its jobs, which never change.
    #[must_use]
    pub fn with_id<J, F>(mut self, run: impl Fn(JobId, J) -> F + Send + Sync + 'static) -> Self
    where
        J: Job,
        F: Future<Output = Result<Progress, Failure>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |id, payload| match serde_json::from_str(payload) {
            Ok(job) => run(id, job).boxed(),
            // The error would quote the payload.
            Err(_) => ready(Err("this version can't read what the job says".into())).boxed(),
        });
        let max_running = if J::IS_EXCLUSIVE { 1 } else { J::MAX_RUNNING };
        let kind = Kind { name: J::KIND, is_exclusive: J::IS_EXCLUSIVE, max_running };
        self.0.insert(J::KIND, (kind, handler));
        self
    }

    pub(super) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.0.values().map(|(kind, _)| *kind)
    }

    /// The names of the kinds.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    pub(super) fn find(&self, kind: &str) -> Option<&Handler> {
        self.0.get(kind).map(|(_, handler)| handler)
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
