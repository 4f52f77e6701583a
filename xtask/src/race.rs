//! `loadtest race` against the real program on each engine, and the audit after it.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command},
};

use anyhow::{Context, Result};

use crate::{
    postgres::Postgres,
    shell::{finish, heading},
    web::target_folder,
};

const SECRET: &str = "only-for-tests-and-known-to-everybody";

/// A short form of the races: ten users for two tickets, three times on each engine. The programs are
/// built.
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

fn race(engine: &str, url: &str) -> Result<()> {
    heading(&format!("Race on {engine}"));
    let binaries = target_folder().join("debug");
    let rowlock = |command: &str| {
        let mut rowlock = Command::new(binaries.join("rowlock"));
        // Only these settings, whatever the caller's are.
        rowlock.arg(command).env_clear().env("DATABASE_URL", url).env("JWT_SECRET", SECRET);
        rowlock
    };
    finish(&mut rowlock("migrate"))?;
    finish(&mut rowlock("seed"))?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let address = format!("127.0.0.1:{port}");
    let log = target_folder().join(format!("race/{engine}.log"));
    let server = Server::start(rowlock("serve").env("LISTEN_ADDR", &address), &log)?;
    let url = format!("http://{address}");
    finish(loadtest(&binaries).args(["race", "--rounds", "3", "--url", &url]))
        .with_context(|| format!("the server's log is {}", log.display()))?;
    drop(server);
    finish(&mut rowlock("audit"))
}

fn loadtest(binaries: &Path) -> Command {
    Command::new(binaries.join("loadtest"))
}

/// A running server; it ends when this is dropped.
struct Server(Child);

impl Server {
    /// `loadtest` itself waits until the server answers.
    fn start(command: &mut Command, log: &Path) -> Result<Self> {
        Ok(Self(command.stderr(fs::File::create(log)?).spawn()?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
