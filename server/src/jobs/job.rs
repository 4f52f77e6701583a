//! Jobs as they are written.

use std::time::Duration;

use rowlock_entities::JobId;
use sea_orm::DbErr;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use uuid::Builder;

/// What a job of one kind says. It is stored as JSON, of up to 16,384 characters.
///
/// Servers of the next version read what this one wrote, and the other way round. So fields are
/// added with a default, and are never renamed.
pub trait Job: Serialize + DeserializeOwned + Send {
    /// The name of the kind, which operators see, in words that are joined by underscores.
    const KIND: &'static str;
    /// Whether no two jobs of this kind run at the same time, on all servers together. Then each part
    /// of a job lets another one run first that has waited for longer.
    const IS_EXCLUSIVE: bool = false;
    /// Number of jobs of this kind that one server runs at the same time. Jobs that wait for
    /// something outside have few, so that they leave room to others.
    const MAX_RUNNING: usize = 4;
}

/// A job that is not written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    pub(super) id: JobId,
    pub(super) kind: &'static str,
    pub(super) payload: String,
    /// How long after its transaction the job is due.
    pub(super) delay: Duration,
}

impl NewJob {
    /// # Errors
    /// When the job can't be written as JSON.
    pub fn new<J: Job>(job: &J) -> Result<Self, DbErr> {
        Self::with_id(JobId::new(), job)
    }

    /// A job that is written only if there is none with this id.
    ///
    /// # Errors
    /// When the job can't be written as JSON.
    pub fn with_id<J: Job>(id: JobId, job: &J) -> Result<Self, DbErr> {
        let payload = serde_json::to_string(job).map_err(|error| DbErr::Json(error.to_string()))?;
        Ok(Self { id, kind: J::KIND, payload, delay: Duration::ZERO })
    }

    /// The same job, which is due this much later.
    #[must_use]
    pub fn delayed_by(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// The id of the part of a job that is about this. It is always the same, so that a part that was
/// done before a crash is recognised after it.
pub(crate) fn part_id(job: JobId, part: &[u8]) -> JobId {
    let hash: [u8; 32] =
        Sha256::new().chain_update(job.0.as_bytes()).chain_update(part).finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    JobId(Builder::from_random_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_a_jobs_parts_are_its_own_and_stay_the_same() {
        let (job, other) = (JobId::new(), JobId::new());
        assert_eq!(part_id(job, b"1"), part_id(job, b"1"));
        assert_ne!(part_id(job, b"1"), part_id(job, b"2"));
        assert_ne!(part_id(job, b"1"), part_id(other, b"1"));
    }
}
