//! Jobs as they are written.

use rowlock_entities::JobId;
use sea_orm::DbErr;
use serde::{Serialize, de::DeserializeOwned};

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
}

/// A job that is not written yet.
#[derive(Clone, Debug)]
pub struct NewJob {
    pub(super) id: JobId,
    pub(super) kind: &'static str,
    pub(super) payload: String,
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
        Ok(Self { id, kind: J::KIND, payload })
    }
}
