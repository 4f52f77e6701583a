//! Runs the `rowlock` that was built, for tasks that need a server.

use std::{
    fs,
    io::{self, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{paths::target_folder, shell::call_command};

const JWT_SECRET: &str = "only-for-tests-and-known-to-everybody";
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server. It is killed when this is dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    process: Child,
}

impl Server {
    /// Starts a server with the demo data on a free port, with its log in a file.
    pub(crate) fn start(profile: &str, database: &str, log: &Path) -> Result<Self> {
        call_command(&mut rowlock(profile, "migrate", database))?;
        call_command(rowlock(profile, "seed", database).arg("--demo-users"))?;
        Self::serve(profile, database, log, &[])
    }

    /// Starts a server on a prepared database, with additional settings.
    pub(crate) fn serve(
        profile: &str,
        database: &str,
        log: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let mut process = rowlock(profile, "serve", database)
            .env("LISTEN_ADDR", "127.0.0.1:0")
            .envs(settings.iter().copied())
            .stderr(fs::File::create(log)?)
            .spawn()
            .context("starting rowlock")?;
        let started = Instant::now();
        while started.elapsed() < START_TIMEOUT && process.try_wait()?.is_none() {
            let lines = fs::read_to_string(log)?;
            let url = lines.lines().find_map(|line| {
                let (_, url) = line.split_once("serving on ")?;
                url.split(' ').next()
            });
            if let Some(url) = url {
                return Ok(Self { url: url.to_owned(), process });
            }
            sleep(Duration::from_millis(20));
        }
        let _ = process.kill();
        bail!("rowlock did not start; see its log, {}", log.display());
    }
}

impl Server {
    /// Asks the server to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        call_command(Command::new("kill").args(["-TERM", &self.pid().to_string()]))?;
        let status = self.process.wait()?;
        ensure!(status.success(), "rowlock ended with {status}");
        Ok(())
    }

    pub(crate) fn is_running(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A `rowlock` command with these settings only. It inherits none from the environment.
pub(crate) fn rowlock(profile: &str, command: &str, database: &str) -> Command {
    let mut rowlock = Command::new(target_folder().join(profile).join("rowlock"));
    rowlock.arg(command).env_clear().env("DATABASE_URL", database).env("JWT_SECRET", JWT_SECRET);
    rowlock.env("MAIL_DIR", target_folder().join("mail"));
    rowlock
}

/// Sends a GET request, and returns the whole response.
pub(crate) fn get(address: &str, path: &str) -> io::Result<String> {
    get_within(address, path, START_TIMEOUT)
}

/// The same, unless connecting or a part of the response takes longer than this.
pub(crate) fn get_within(address: &str, path: &str, timeout: Duration) -> io::Result<String> {
    let mut stream = connect_within(address, timeout)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

/// Whoever stands still accepts no connections once some wait for it.
fn connect_within(address: &str, timeout: Duration) -> io::Result<TcpStream> {
    let address = address.parse().map_err(io::Error::other)?;
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    Ok(stream)
}

/// Sends a POST request with JSON and further headers, and returns the whole response, unless connecting
/// or a part of it takes longer than this.
pub(crate) fn post(
    address: &str,
    path: &str,
    headers: &[&str],
    body: &str,
    timeout: Duration,
) -> io::Result<String> {
    let mut stream = connect_within(address, timeout)?;
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

/// Checks that all counts agree with the bookings.
pub(crate) fn audit(profile: &str, database: &str) -> Result<()> {
    call_command(&mut rowlock(profile, "audit", database)).context("the audit found violations")
}
