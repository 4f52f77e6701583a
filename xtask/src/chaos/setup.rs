//! The programs under test: their build, their databases and their servers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::{
    paths::target_folder,
    server::{Server, rowlock},
    shell::call_command,
    tools::ensure_faketime,
};

pub(super) const EVENTS: u32 = 20;
/// Few, so that many cancel their booking and book again.
pub(super) const USERS: usize = 60;

/// The load, and the build of the programs.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) profile: &'static str,
    pub(super) seconds: u64,
    pub(super) rate: u32,
    pub(super) rounds: u32,
    pub(super) folder: PathBuf,
}

impl Setup {
    pub(super) fn new(profile: &'static str, seconds: u64, rate: u32, rounds: u32) -> Result<Self> {
        let folder = std::path::absolute(target_folder())?.join("chaos");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(Self { profile, seconds, rate, rounds, folder })
    }

    /// Starts the server "one" with a clock that a file moves relative to the real time.
    pub(super) fn serve_with_clock(&self, database: &str, file: &Path) -> Result<Server> {
        let library = ensure_faketime()?.to_string_lossy().into_owned();
        fs::write(file, "+0")?;
        let file = file.to_string_lossy();
        self.serve(
            database,
            "one",
            "127.0.0.1:0",
            &[
                ("LD_PRELOAD", &library),
                ("FAKETIME_TIMESTAMP_FILE", &file),
                ("FAKETIME_NO_CACHE", "1"),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ],
        )
    }

    /// Guesses passwords until shortly before the load ends.
    pub(super) fn guess_passwords(&self, address: &str) -> Result<()> {
        let log = fs::File::create(self.folder.join("guess.log"))?;
        let mut guess = Command::new(target_folder().join(self.profile).join("loadtest"));
        guess
            .args(["guess", "--url", &format!("http://{address}"), "--connections", "64"])
            .args(["--seconds", &(self.seconds / 2 - 1).to_string()])
            .stdout(log.try_clone()?)
            .stderr(log);
        call_command(&mut guess).context("guessing passwords")
    }

    /// Creates tables, events and users. Returns the file with the users' tokens.
    pub(super) fn prepare(&self, name: &str, database: &str) -> Result<PathBuf> {
        self.migrate_and_seed(database, EVENTS)?;
        self.create_users(name, database, USERS)
    }

    pub(super) fn migrate_and_seed(&self, database: &str, events: u32) -> Result<()> {
        self.command(database, "migrate", &[])?;
        self.command(database, "seed", &["--events", &events.to_string()])
    }

    /// Returns the file with the users' tokens.
    pub(super) fn create_users(&self, name: &str, database: &str, count: usize) -> Result<PathBuf> {
        let tokens = self.folder.join(format!("{name}.tokens"));
        let (count, file) = (count.to_string(), tokens.to_string_lossy());
        self.command(database, "users", &["create", "--count", &count, "--tokens", &file])?;
        Ok(tokens)
    }

    pub(super) fn command(&self, database: &str, name: &str, args: &[&str]) -> Result<()> {
        let mut command = rowlock(self.profile, name, database);
        command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
        call_command(&mut command)
    }

    pub(super) fn serve(
        &self,
        database: &str,
        name: &str,
        address: &str,
        extra_settings: &[(&str, &str)],
    ) -> Result<Server> {
        let log = self.folder.join(format!("{name}.log"));
        let settings = [
            ("LISTEN_ADDR", address),
            // All requests come from a few users and one address.
            ("BOOKINGS_PER_MINUTE_PER_USER", "1000000"),
            ("ORGANIZER_CHANGES_PER_MINUTE_PER_USER", "1000000"),
            ("SIGN_INS_PER_MINUTE_PER_ADDRESS", "1000000"),
            ("WORK_MS_PER_SECOND_PER_ADDRESS", "1000000"),
        ];
        Server::serve(self.profile, database, &log, &[&settings[..], extra_settings].concat())
    }
}

/// Such as `127.0.0.1:8080`.
pub(super) fn address_of(server: Option<&Server>) -> Result<String> {
    let url = server.map(|server| server.url.trim_start_matches("http://").to_owned());
    url.context("the server is running")
}
