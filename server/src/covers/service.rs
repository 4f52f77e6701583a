//! Makes covers, a few at a time, and finds them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use rowlock_entities::EventId;
use sea_orm::DbErr;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::{
    cover::{Cover, NewCover},
    file::{File, FileName},
    loader::CoversByEvent,
    picture::{self, PictureError},
    store,
};
use crate::{
    coalescing::{Batcher, Bounds, Read, ReadPanicked, Refusal, SharedReads},
    database::Database,
    metrics::Metrics,
};

/// Number of pictures that are made at the same time. Each takes a core and up to 300 MB.
const PICTURES_AT_ONCE: usize = 1;
/// Maximum number of pictures that wait. Each is held in memory, and takes about a second.
const MAX_WAITING: usize = 8;
/// Longest wait for a turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// The reason why a cover was not made or found.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CoversError {
    #[error("too many pictures are waiting to be made")]
    Busy,
    #[error(transparent)]
    Picture(#[from] PictureError),
    #[error(transparent)]
    LookupRefused(#[from] Refusal),
    #[error(transparent)]
    ReadPanicked(#[from] ReadPanicked),
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// The covers of events. Clones share everything.
#[derive(Clone, Debug)]
pub struct Covers {
    by_event: Batcher<CoversByEvent>,
    files: SharedReads<OneFile>,
    turns: Arc<Turns>,
}

#[derive(Debug)]
struct Turns {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A picture that waits, counted until this is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(count: &'a AtomicUsize) -> Result<Self, CoversError> {
        let waiting = Self(count);
        match count.fetch_add(1, Ordering::Relaxed) < MAX_WAITING {
            true => Ok(waiting),
            false => Err(CoversError::Busy),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Covers {
    pub(crate) fn new(db: Database, metrics: &Metrics) -> Self {
        let by_event = CoversByEvent(db.clone());
        let queue = metrics.queue("covers-by-event");
        Self {
            by_event: Batcher::new(by_event, Bounds::FOR_LOOKUPS, queue),
            files: SharedReads::new(Files { db, in_use: Mutex::default() }),
            turns: Arc::new(Turns {
                free: Arc::new(Semaphore::new(PICTURES_AT_ONCE)),
                waiting: AtomicUsize::new(0),
            }),
        }
    }

    pub(crate) async fn find(&self, event: EventId) -> Result<Option<Arc<Cover>>, CoversError> {
        Ok(self.by_event.ask(event).await??)
    }

    /// One size of a cover, as JPEG.
    pub(crate) async fn find_file(&self, name: FileName) -> Result<Option<Arc<File>>, CoversError> {
        Ok(self.files.find(OneFile(name)).await??)
    }

    /// Makes the cover of an event from a picture, when it is its turn. `alt` has been checked.
    pub(crate) async fn make(
        &self,
        event: EventId,
        alt: String,
        picture: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<NewCover, CoversError> {
        let turn = {
            let _waiting = Waiting::among(&self.turns.waiting)?;
            let turn = Arc::clone(&self.turns.free).acquire_owned();
            timeout(TURN_TIMEOUT, turn).await.ok().and_then(Result::ok).ok_or(CoversError::Busy)?
        };
        let sizes = spawn_blocking(move || {
            // The work goes on if the client goes away, and so does its turn.
            let _turn = turn;
            picture::sizes(picture.as_ref())
        });
        let sizes = sizes.await.map_err(|error| {
            tracing::error!(%error, "a picture made its decoder panic");
            PictureError::Broken
        })??;
        Ok(NewCover::new(event, alt, sizes))
    }
}

/// Where files are read from.
struct Files {
    db: Database,
    /// The files that are being sent. So however many clients want one, and however slowly they
    /// read, there is one copy of it.
    in_use: Mutex<HashMap<FileName, Weak<File>>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct OneFile(FileName);

impl Read for OneFile {
    type Source = Files;
    type Found = Result<Option<Arc<File>>, DbErr>;

    async fn run(&self, files: &Files) -> Self::Found {
        let Self(name) = *self;
        if let Some(file) = files.in_use.lock().get(&name).and_then(Weak::upgrade) {
            return Ok(Some(file));
        }
        let file = store::find_file(files.db.reads(), name).await?;
        let file = file.map(|jpeg| Arc::new(File::new(jpeg)));
        if let Some(file) = &file {
            let mut in_use = files.in_use.lock();
            in_use.retain(|_, file| file.strong_count() > 0);
            in_use.insert(name, Arc::downgrade(file));
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_pictures_wait() {
        let count = AtomicUsize::new(0);
        let waiting: Vec<_> = (0..MAX_WAITING).map(|_| Waiting::among(&count).unwrap()).collect();
        assert!(matches!(Waiting::among(&count), Err(CoversError::Busy)));
        drop(waiting);
        assert!(Waiting::among(&count).is_ok());
    }
}
