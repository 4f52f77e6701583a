//! Runs `loadtest race` against a server on each database engine, and then the audit.

use std::{fs, process::Command};

use anyhow::{Context, Result};

use crate::{
    paths::target_folder,
    postgres::Postgres,
    server::{Server, audit},
    shell::{call_command, heading},
};

/// The tests' profile.
const PROFILE: &str = "debug";

/// Ten users race for two tickets, three times on each engine. The programs must be built.
pub(crate) fn on_both_engines(postgres: &Postgres) -> Result<()> {
    let folder = target_folder().join("race");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let sqlite = format!("sqlite:{}", folder.join("race.db").display());
    race("SQLite", &sqlite)?;
    race("PostgreSQL", &postgres.create_database("race")?)
}

fn race(engine: &str, database: &str) -> Result<()> {
    heading(&format!("Race on {engine}"));
    let log = target_folder().join(format!("race/{engine}.log"));
    let server = Server::start(PROFILE, database, &log)?;
    let loadtest = target_folder().join(PROFILE).join("loadtest");
    call_command(Command::new(loadtest).args(["race", "--rounds", "3", "--url", &server.url]))
        .with_context(|| format!("see the server's log, {}", log.display()))?;
    drop(server);
    audit(PROFILE, database)
}
