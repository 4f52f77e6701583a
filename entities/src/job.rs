//! A job: work that was decided in one transaction and is done after it.

use sea_orm::entity::prelude::*;

use crate::JobId;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobId,
    pub kind: String,
    /// What is to be done, as JSON.
    pub payload: String,
    /// Number of attempts at the job, or at the part of it that comes next.
    pub attempts: i32,
    /// The time from which a worker may take the job. While a worker has it, this is the end of the
    /// worker's lease.
    pub run_at: DateTimeUtc,
    /// The lease of the worker that has the job. Each lease has another id, so a worker whose lease
    /// is over can't settle a job that another one has.
    pub lease_id: Option<Uuid>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    pub created_at: DateTimeUtc,
    /// When the job was given up. It then waits for an operator.
    pub died_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
