//! `rowlock jobs`: what operators see of jobs and do with them. It prints nothing of what jobs say,
//! because that may be about people.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use chrono::SecondsFormat;
use rowlock_entities::JobId;

use super::cli::{JobsCommand, ListJobsArgs};
use crate::{
    database::Database,
    jobs::{self, ListedJob, State},
};

/// Carries out a command; returns what to print.
pub(super) async fn run(db: &Database, command: &JobsCommand) -> Result<String> {
    match command {
        JobsCommand::List(args) => list(db, args).await,
        JobsCommand::Retry(args) => match args.id {
            Some(id) => {
                let retried = jobs::retry(db, JobId(id)).await;
                retried.with_context(|| format!("the job {id} is not retried"))?;
                Ok(format!("the job {id} is due now\n"))
            }
            None => Ok(format!("jobs that are due now: {}\n", jobs::retry_all_dead(db).await?)),
        },
        JobsCommand::Discard(args) => match args.id {
            Some(id) => {
                if !jobs::discard(db, JobId(id)).await? {
                    bail!("there is no job {id}; it may be done");
                }
                Ok(format!("the job {id} is discarded\n"))
            }
            None => {
                let discarded = jobs::discard_all_dead(db, args.kind.as_deref()).await?;
                // The kind may be mistyped.
                let kinds = match discarded == 0 && args.kind.is_some() {
                    true => jobs::kinds_of_dead(db).await?,
                    false => Vec::new(),
                };
                let hint = match kinds.is_empty() {
                    true => String::new(),
                    false => {
                        format!("; those that were given up have the kinds {}", kinds.join(", "))
                    }
                };
                Ok(format!("jobs that are discarded: {discarded}{hint}\n"))
            }
        },
    }
}

async fn list(db: &Database, args: &ListJobsArgs) -> Result<String> {
    let jobs = jobs::list(db, args.state, args.limit).await?;
    let width = jobs.iter().map(|job| job.kind.chars().count()).max().unwrap_or(0).max(4);
    let mut lines = format!(
        "{:36}  {:width$}  {:7}  {:>8}  {:20}  LAST ERROR\n",
        "ID", "KIND", "STATE", "ATTEMPTS", "NEXT RUN"
    );
    for job in &jobs {
        let ListedJob { id, kind, attempts, last_error, .. } = job;
        let (state, next_run) = match job.state() {
            State::Waiting => ("waiting", job.run_at.to_rfc3339_opts(SecondsFormat::Secs, true)),
            State::Running => ("running", String::new()),
            State::Dead => ("dead", String::new()),
        };
        let error = last_error.as_deref().unwrap_or_default();
        let line = format!("{id}  {kind:width$}  {state:7}  {attempts:8}  {next_run:20}  {error}");
        writeln!(lines, "{}", line.trim_end())?;
    }
    let is_cut = jobs.len() == args.limit as usize;
    let more = if is_cut { "; --limit shows more, if there are more" } else { "" };
    writeln!(lines, "jobs: {}{more}", jobs.len())?;
    Ok(lines)
}
