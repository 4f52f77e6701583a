//! The statements of the queue. They have the same text for any number of jobs, and take the time
//! from the database, which SeaORM can't say for both engines.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rowlock_entities::JobId;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, Value};
use tokio::time::Instant;
use uuid::Uuid;

use super::{NewJob, handlers::Rest};
use crate::{
    database::{Database, Fault, hex, json},
    metrics::Backlog,
};

/// Longest time for a statement, with the wait for a connection.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest number of characters that are kept of an error.
const MAX_ERROR: usize = 500;

/// Makes a statement. In its text, `@now` is the database's time, and `@later` that time and `$1`
/// milliseconds. `@unsynced` is a condition that always holds, and lets the commit not wait for the
/// disk: if a crash undoes it, a job runs again, which each job must bear anyway.
pub(super) fn statement<const N: usize>(
    backend: DbBackend,
    sql: &str,
    values: [Value; N],
) -> Statement {
    let (now, later, unsynced) = match backend {
        DbBackend::Postgres => (
            "now()",
            "now() + $1::bigint * interval '1 millisecond'",
            "set_config('synchronous_commit', 'off', true) = 'off'",
        ),
        _ => (
            "strftime('%Y-%m-%dT%H:%M:%f', 'now') || '+00:00'",
            "strftime('%Y-%m-%dT%H:%M:%f', 'now', ($1 / 1000.0) || ' seconds') || '+00:00'",
            "TRUE",
        ),
    };
    let sql = sql.replace("@now", now).replace("@later", later).replace("@unsynced", unsynced);
    Statement::from_sql_and_values(backend, sql, values)
}

/// Writes jobs in the transaction that causes them. They are due when it is committed, or as much
/// later as they say.
///
/// # Errors
/// When the database fails, or a payload is too long.
pub async fn enqueue(tx: &impl ConnectionTrait, jobs: Vec<NewJob>) -> Result<(), DbErr> {
    insert(tx, jobs, None).await
}

/// Writes jobs that are due since `since`, or since now.
async fn insert(
    tx: &impl ConnectionTrait,
    jobs: Vec<NewJob>,
    since: Option<Value>,
) -> Result<(), DbErr> {
    if jobs.is_empty() {
        return Ok(());
    }
    let backend = tx.get_database_backend();
    let statement = match backend {
        DbBackend::Postgres => {
            let ids: Vec<Uuid> = jobs.iter().map(|job| job.id.0).collect();
            let kinds: Vec<String> = jobs.iter().map(|job| job.kind.to_owned()).collect();
            let delays: Vec<i64> = jobs.iter().map(|job| millis(job.delay)).collect();
            let payloads: Vec<String> = jobs.into_iter().map(|job| job.payload).collect();
            statement(
                backend,
                "INSERT INTO jobs (id, kind, payload, attempts, run_at, created_at) \
                 SELECT id, kind, payload, 0, \
                 coalesce($4, @now) + delay * interval '1 millisecond', coalesce($4, @now) \
                 FROM unnest($1::uuid[], $2::text[], $3::text[], $5::bigint[]) \
                 AS new (id, kind, payload, delay) ON CONFLICT (id) DO NOTHING",
                [
                    ids.into(),
                    kinds.into(),
                    payloads.into(),
                    since.unwrap_or(None::<DateTime<Utc>>.into()),
                    delays.into(),
                ],
            )
        }
        _ => {
            let rows =
                jobs.iter().map(|job| (hex(&job.id.0), job.kind, &job.payload, millis(job.delay)));
            statement(
                backend,
                "INSERT INTO jobs (id, kind, payload, attempts, run_at, created_at) \
                 SELECT unhex(value ->> 0), value ->> 1, value ->> 2, 0, \
                 CASE WHEN value ->> 3 > 0 THEN strftime('%Y-%m-%dT%H:%M:%f', \
                 coalesce($2, 'now'), ((value ->> 3) / 1000.0) || ' seconds') || '+00:00' \
                 ELSE coalesce($2, @now) END, coalesce($2, @now) FROM json_each($1) WHERE true ON CONFLICT (id) DO NOTHING",
                [json(rows).into(), since.unwrap_or(None::<String>.into())],
            )
        }
    };
    tx.execute_raw(statement).await.map(drop)
}

/// The kinds, of these, that have jobs that are due. It takes no lock, and no place in the queue for
/// SQLite's writer.
pub(super) async fn find_due_kinds(
    db: &Database,
    kinds: impl Iterator<Item = &'static str>,
) -> Result<Vec<String>, DbErr> {
    let statement = match db.backend() {
        backend @ DbBackend::Postgres => statement(
            backend,
            "SELECT jobs.kind FROM unnest($1::text[]) AS known (kind) \
             CROSS JOIN LATERAL (SELECT jobs.kind FROM jobs WHERE jobs.kind = known.kind \
             AND died_at IS NULL AND run_at <= @now LIMIT 1) AS jobs",
            [kinds.map(str::to_owned).collect::<Vec<_>>().into()],
        ),
        backend => statement(
            backend,
            "SELECT jobs.value AS kind FROM json_each($1) AS jobs WHERE EXISTS \
             (SELECT 1 FROM jobs AS due WHERE due.kind = jobs.value \
             AND due.died_at IS NULL AND due.run_at <= @now)",
            [json(kinds).into()],
        ),
    };
    let rows = db.reads().query_all_raw(statement).await?;
    rows.iter().map(|row| row.try_get("", "kind")).collect()
}

/// A job that a worker has, until it settles it or the lease is over.
#[derive(Debug)]
pub(super) struct ClaimedJob {
    pub(super) id: JobId,
    pub(super) lease_id: Uuid,
    pub(super) kind: &'static str,
    pub(super) payload: String,
    /// Number of attempts, this one included.
    pub(super) attempts: u32,
}

#[derive(FromQueryResult)]
struct ClaimedRow {
    id: JobId,
    payload: String,
    attempts: i32,
}

/// Takes jobs of one kind that are due, the ones that have waited longest. Two servers never get the
/// same job, and don't wait for each other.
pub(super) async fn claim(
    db: &Database,
    kind: &'static str,
    max: usize,
    lease: Duration,
) -> Result<Vec<ClaimedJob>, DbErr> {
    write(db, async { claim_on(db.writer()?, kind, max, lease).await }).await
}

/// Takes the job of one kind that has waited longest, unless one of this kind runs, here or on
/// another server.
pub(super) async fn claim_only_one(
    db: &Database,
    kind: &'static str,
    lease: Duration,
) -> Result<Vec<ClaimedJob>, DbErr> {
    write(db, async {
        let tx = db.begin().await?;
        // Servers take turns here. On SQLite, a transaction is the only writer.
        if db.backend() == DbBackend::Postgres {
            let lock = "SELECT pg_advisory_xact_lock(hashtext('rowlock jobs'), hashtext($1))";
            tx.execute_raw(statement(db.backend(), lock, [kind.into()])).await?;
        }
        let running = "SELECT 1 AS one FROM jobs WHERE kind = $1 AND died_at IS NULL \
                       AND run_at > @now AND lease_id IS NOT NULL LIMIT 1";
        let running = tx.query_one_raw(statement(db.backend(), running, [kind.into()])).await?;
        let claimed = match running {
            Some(_) => Vec::new(),
            None => claim_on(&tx, kind, 1, lease).await?,
        };
        tx.commit().await?;
        Ok(claimed)
    })
    .await
}

async fn claim_on(
    db: &impl ConnectionTrait,
    kind: &'static str,
    max: usize,
    lease: Duration,
) -> Result<Vec<ClaimedJob>, DbErr> {
    let sql = match db.get_database_backend() {
        // The rows are chosen first and once. In a subquery, a planner may choose anew for each row.
        DbBackend::Postgres => {
            "WITH due AS MATERIALIZED (SELECT id FROM jobs \
             WHERE kind = $3 AND died_at IS NULL AND run_at <= @now AND @unsynced \
             ORDER BY run_at, id LIMIT $4 FOR UPDATE SKIP LOCKED) \
             UPDATE jobs SET run_at = @later, lease_id = $2, attempts = attempts + 1 \
             FROM due WHERE jobs.id = due.id \
             RETURNING jobs.id, jobs.payload, jobs.attempts"
        }
        _ => {
            "UPDATE jobs SET run_at = @later, lease_id = $2, attempts = attempts + 1 \
             WHERE id IN (SELECT id FROM jobs \
             WHERE kind = $3 AND died_at IS NULL AND run_at <= @now \
             ORDER BY run_at, id LIMIT $4) \
             RETURNING id, payload, attempts"
        }
    };
    let lease_id = Uuid::now_v7();
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let values = [millis(lease).into(), lease_id.into(), kind.into(), max.into()];
    let rows = db.query_all_raw(statement(db.get_database_backend(), sql, values)).await?;
    let claimed = |row| {
        let ClaimedRow { id, payload, attempts } = ClaimedRow::from_query_result(&row, "")?;
        let attempts = attempts.unsigned_abs();
        Ok(ClaimedJob { id, lease_id, kind, payload, attempts })
    };
    rows.into_iter().map(claimed).collect()
}

/// Extends a lease. Returns whether the worker still had it.
pub(super) async fn renew(db: &Database, job: &ClaimedJob, lease: Duration) -> Result<bool, DbErr> {
    let sql = "UPDATE jobs SET run_at = @later WHERE id = $2 AND lease_id = $3 AND @unsynced";
    let values = [millis(lease).into(), job.id.0.into(), job.lease_id.into()];
    Ok(execute(db, statement(db.backend(), sql, values)).await? > 0)
}

/// What becomes of a job after an attempt.
#[derive(Debug)]
pub(super) enum Settlement {
    /// It is done, and is deleted.
    Done,
    /// A part is done, and the rest is due.
    Continue(Rest),
    /// A part is done, these jobs are written, and the rest, if there is any, is due.
    Split { jobs: Vec<NewJob>, rest: Option<Rest> },
    /// The attempt was stopped and does not count.
    GiveBack,
    /// It is too early for the job. The attempt does not count; another one follows after the pause.
    Defer { pause: Duration, reason: String },
    /// The attempt failed; another one follows after the pause.
    Retry { pause: Duration, error: String },
    /// The last attempt failed. The job waits for an operator.
    GiveUp { error: String },
}

/// Settles a job and ends its lease. Returns false, and changes nothing, if the worker no longer had
/// it.
pub(super) async fn settle(
    db: &Database,
    job: &ClaimedJob,
    settlement: &Settlement,
) -> Result<bool, DbErr> {
    let backend = db.backend();
    let (id, lease): (Value, Value) = (job.id.0.into(), job.lease_id.into());
    let statement = match settlement {
        Settlement::Done => end(backend, job),
        Settlement::Continue(rest) => go_on(backend, job, rest),
        Settlement::Split { jobs, rest } => return split(db, job, jobs, rest.as_ref()).await,
        Settlement::GiveBack => statement(
            backend,
            "UPDATE jobs SET run_at = @now, lease_id = NULL, attempts = attempts - 1 \
             WHERE id = $1 AND lease_id = $2 AND @unsynced",
            [id, lease],
        ),
        Settlement::Defer { pause, reason } => statement(
            backend,
            "UPDATE jobs SET run_at = @later, lease_id = NULL, attempts = attempts - 1, \
             last_error = $4 WHERE id = $2 AND lease_id = $3 AND @unsynced",
            [millis(*pause).into(), id, lease, shortened(reason).into()],
        ),
        Settlement::Retry { pause, error } => statement(
            backend,
            "UPDATE jobs SET run_at = @later, lease_id = NULL, last_error = $4 \
             WHERE id = $2 AND lease_id = $3 AND @unsynced",
            [millis(*pause).into(), id, lease, shortened(error).into()],
        ),
        Settlement::GiveUp { error } => statement(
            backend,
            "UPDATE jobs SET died_at = @now, lease_id = NULL, last_error = $3 \
             WHERE id = $1 AND lease_id = $2 AND @unsynced",
            [id, lease, shortened(error).into()],
        ),
    };
    Ok(execute(db, statement).await? > 0)
}

fn end(backend: DbBackend, job: &ClaimedJob) -> Statement {
    let sql = "DELETE FROM jobs WHERE id = $1 AND lease_id = $2 AND @unsynced";
    statement(backend, sql, [job.id.0.into(), job.lease_id.into()])
}

fn go_on(backend: DbBackend, job: &ClaimedJob, Rest(payload): &Rest) -> Statement {
    statement(
        backend,
        "UPDATE jobs SET run_at = @now, lease_id = NULL, attempts = 0, last_error = NULL, \
         payload = $3 WHERE id = $1 AND lease_id = $2 AND @unsynced",
        [job.id.0.into(), job.lease_id.into(), payload.as_str().into()],
    )
}

/// Writes the jobs that do a part of this one, and ends it or leaves its rest, in one transaction.
async fn split(
    db: &Database,
    job: &ClaimedJob,
    parts: &[NewJob],
    rest: Option<&Rest>,
) -> Result<bool, DbErr> {
    write(db, async {
        let tx = db.begin().await?;
        let backend = db.backend();
        // The parts have waited since the job was written.
        let sql = "SELECT created_at FROM jobs WHERE id = $1 AND lease_id = $2";
        let values = [job.id.0.into(), job.lease_id.into()];
        let row = tx.query_one_raw(statement(backend, sql, values)).await?;
        let Some(row) = row else { return Ok(false) };
        let created_at: Value = match backend {
            DbBackend::Postgres => row.try_get::<DateTime<Utc>>("", "created_at")?.into(),
            _ => row.try_get::<String>("", "created_at")?.into(),
        };
        insert(&tx, parts.to_vec(), Some(created_at)).await?;
        let settled = match rest {
            Some(rest) => go_on(backend, job, rest),
            None => end(backend, job),
        };
        // Nobody else may have taken the job since it was read.
        let is_leased = tx.execute_raw(settled).await?.rows_affected() > 0;
        if is_leased {
            tx.commit().await?;
        }
        Ok(is_leased)
    })
    .await
}

#[derive(FromQueryResult)]
struct BacklogRow {
    to_do: i64,
    dead: i64,
    oldest_due_seconds: Option<f64>,
}

/// Counts the jobs. The oldest one is looked for among these kinds.
pub(super) async fn read_backlog(
    db: &Database,
    kinds: impl Iterator<Item = &'static str>,
) -> Result<Backlog, DbErr> {
    const COUNTS: &str = "\
        (SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE died_at IS NULL LIMIT 10000) AS counted) \
        AS to_do, \
        (SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE died_at IS NOT NULL LIMIT 10000) \
        AS counted) AS dead";
    let statement = match db.backend() {
        backend @ DbBackend::Postgres => statement(
            backend,
            &format!(
                "SELECT job_counts.* FROM (SELECT {COUNTS}, \
                 (SELECT max(extract(epoch FROM @now - first.run_at))::float8 \
                 FROM unnest($1::text[]) AS known (kind) CROSS JOIN LATERAL \
                 (SELECT run_at FROM jobs WHERE jobs.kind = known.kind AND died_at IS NULL \
                 ORDER BY run_at LIMIT 1) AS first) AS oldest_due_seconds) AS job_counts"
            ),
            [kinds.map(str::to_owned).collect::<Vec<_>>().into()],
        ),
        backend => statement(
            backend,
            &format!(
                "SELECT job_counts.* FROM (SELECT {COUNTS}, \
                 (SELECT max(julianday('now') - julianday((SELECT run_at FROM jobs \
                 WHERE jobs.kind = known.value AND died_at IS NULL ORDER BY run_at LIMIT 1))) \
                 * 86400.0 FROM json_each($1) AS known) AS oldest_due_seconds) AS job_counts"
            ),
            [json(kinds).into()],
        ),
    };
    let row = BacklogRow::find_by_statement(statement).one(db.reads()).await?;
    let Some(BacklogRow { to_do, dead, oldest_due_seconds }) = row else {
        return Ok(Backlog::default());
    };
    Ok(Backlog {
        to_do: usize::try_from(to_do).unwrap_or_default(),
        dead: usize::try_from(dead).unwrap_or_default(),
        // A job that is not due yet has waited for a negative time.
        oldest_due: oldest_due_seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .unwrap_or_default(),
    })
}

/// Runs a statement that writes; returns the number of rows.
pub(super) async fn execute(db: &Database, statement: Statement) -> Result<u64, DbErr> {
    let result = write(db, async { db.writer()?.execute_raw(statement).await }).await?;
    Ok(result.rows_affected())
}

/// Runs a write within a time limit. If it fails, the next one does not meet the same connection.
async fn write<T>(db: &Database, work: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    let result = db.with_deadline(Instant::now() + STATEMENT_TIMEOUT, work).await;
    match result.as_ref().err().map(Fault::of) {
        Some(Fault::Unreachable) => db.connection_broke(),
        Some(Fault::ReadOnly) => db.write_was_refused(),
        Some(Fault::SchemaChanged) => db.schema_changed(),
        Some(
            Fault::Overloaded
            | Fault::LockTimeout
            | Fault::SerializationFailure
            | Fault::ConstraintViolation
            | Fault::Other,
        )
        | None => {}
    }
    result
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// An error in one line that fits its column.
fn shortened(error: &str) -> String {
    let is_break = |c: char| c.is_control() || c.is_whitespace();
    error.chars().take(MAX_ERROR).map(|c| if is_break(c) { ' ' } else { c }).collect()
}
