//! What operators see of jobs and do with them: `rowlock jobs`.

use rowlock_entities::{JobId, job};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Value,
    entity::prelude::DateTimeUtc,
};

use super::store::{execute, statement};
use crate::database::Database;

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum State {
    /// It is due, or will be
    Waiting,
    /// A worker has it
    Running,
    /// It was given up
    Dead,
}

/// A job without what it says, which may be about somebody.
#[derive(Debug, FromQueryResult)]
pub(crate) struct ListedJob {
    pub(crate) id: JobId,
    pub(crate) kind: String,
    pub(crate) attempts: i32,
    /// When it runs next. If it is running, this is the end of its lease.
    pub(crate) run_at: DateTimeUtc,
    is_running: bool,
    is_dead: bool,
    pub(crate) last_error: Option<String>,
}

impl ListedJob {
    pub(crate) fn state(&self) -> State {
        match (self.is_dead, self.is_running) {
            (true, _) => State::Dead,
            (false, true) => State::Running,
            (false, false) => State::Waiting,
        }
    }
}

/// Whether a worker has the job. After the end of its lease, the job waits for another one.
const IS_RUNNING: &str = "(lease_id IS NOT NULL AND run_at > @now)";

/// The first `max` jobs in this state, or in any, oldest first.
///
/// # Errors
/// When the database fails.
pub(crate) async fn list(
    db: &Database,
    state: Option<State>,
    max: u32,
) -> Result<Vec<ListedJob>, DbErr> {
    let condition = match state {
        None => "",
        Some(State::Waiting) => &format!("WHERE died_at IS NULL AND NOT {IS_RUNNING}"),
        Some(State::Running) => &format!("WHERE died_at IS NULL AND {IS_RUNNING}"),
        Some(State::Dead) => "WHERE died_at IS NOT NULL",
    };
    let sql = format!(
        "SELECT id, kind, attempts, run_at, {IS_RUNNING} AS is_running, \
         died_at IS NOT NULL AS is_dead, last_error FROM jobs {condition} ORDER BY id LIMIT $1"
    );
    let statement = statement(db.backend(), &sql, [i64::from(max).into()]);
    ListedJob::find_by_statement(statement).all(db.reads()).await
}

/// Why a job was not started again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RetryError {
    #[error("there is none with this id, and it may be done")]
    Missing,
    #[error("it is running")]
    Running,
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// Lets a job run at once, with all its attempts.
///
/// # Errors
/// When the job is running or missing, or the database fails.
pub(crate) async fn retry(db: &Database, id: JobId) -> Result<(), RetryError> {
    let condition = format!("id = $1 AND NOT {IS_RUNNING}");
    if retry_where(db, &condition, [id.0.into()]).await? > 0 {
        return Ok(());
    }
    match job::Entity::find_by_id(id).one(db.reads()).await? {
        Some(_) => Err(RetryError::Running),
        None => Err(RetryError::Missing),
    }
}

/// Lets all jobs that were given up run again; returns their number.
///
/// # Errors
/// When the database fails.
pub(crate) async fn retry_all_dead(db: &Database) -> Result<u64, DbErr> {
    retry_where(db, "died_at IS NOT NULL", []).await
}

async fn retry_where<const N: usize>(
    db: &Database,
    condition: &str,
    values: [Value; N],
) -> Result<u64, DbErr> {
    let sql = format!(
        "UPDATE jobs SET run_at = @now, attempts = 0, lease_id = NULL, died_at = NULL \
         WHERE {condition}"
    );
    execute(db, statement(db.backend(), &sql, values)).await
}

/// Deletes a job; returns whether there was one. If it is running, its worker stops when it renews
/// the lease.
///
/// # Errors
/// When the database fails.
pub(crate) async fn discard(db: &Database, id: JobId) -> Result<bool, DbErr> {
    let deleted = statement(db.backend(), "DELETE FROM jobs WHERE id = $1", [id.0.into()]);
    Ok(execute(db, deleted).await? > 0)
}

/// Deletes all jobs that were given up, or those of one kind; returns their number.
///
/// # Errors
/// When the database fails.
pub(crate) async fn discard_all_dead(db: &Database, kind: Option<&str>) -> Result<u64, DbErr> {
    let deleted = match kind {
        None => statement(db.backend(), "DELETE FROM jobs WHERE died_at IS NOT NULL", []),
        Some(kind) => statement(
            db.backend(),
            "DELETE FROM jobs WHERE died_at IS NOT NULL AND kind = $1",
            [kind.into()],
        ),
    };
    execute(db, deleted).await
}

/// The kinds of the jobs that were given up, in the order of their names.
///
/// # Errors
/// When the database fails.
pub(crate) async fn kinds_of_dead(db: &Database) -> Result<Vec<String>, DbErr> {
    use job::Column::{DiedAt, Kind};
    let dead = job::Entity::find().select_only().column(Kind).distinct();
    dead.filter(DiedAt.is_not_null()).order_by_asc(Kind).into_tuple().all(db.reads()).await
}
