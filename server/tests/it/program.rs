//! Runs the built program in its own process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use reqwest::RequestBuilder;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{ChildStdin, ChildStdout},
};

use crate::{
    app::{JWT_SECRET, graphql_request, http_client},
    waiting::wait_until,
};

const LOG_FILE: &str = "log";
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// `rowlock` in a folder, without any settings from the environment.
pub(crate) fn rowlock_command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowlock"));
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until the server at `url` is ready.
pub(crate) async fn wait_until_ready(url: &str) {
    let http = http_client();
    wait_until(READY_TIMEOUT, "the server is ready", async || {
        let answer = http.get(format!("{url}/readyz")).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
}

/// A running `rowlock serve`. Dropping this kills it.
pub(crate) struct Program {
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
    process: Child,
    folder: TempDir,
}

impl Program {
    /// Starts a server in an empty folder with these environment variables.
    pub(crate) async fn serve(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        Self::start(rowlock_command(folder.path()), folder, settings).await
    }

    /// Starts a server by a command with these environment variables. The folder gets its log.
    pub(crate) async fn start(
        mut command: Command,
        folder: TempDir,
        settings: &[(&str, &str)],
    ) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let log = fs::File::create(folder.path().join(LOG_FILE)).unwrap();
        let process = command
            .env("LISTEN_ADDR", &address)
            .envs(settings.iter().copied())
            .stderr(log)
            .spawn()
            .unwrap();
        let program =
            Self { url: format!("http://{address}"), http: http_client(), process, folder };
        wait_until_ready(&program.url).await;
        program
    }

    /// Starts a server on this database, with the tests' secret and these environment variables.
    pub(crate) async fn serve_database(url: &str, settings: &[(&str, &str)]) -> Self {
        let database = [("DATABASE_URL", url), ("JWT_SECRET", JWT_SECRET)];
        Self::serve(&[&database, settings].concat()).await
    }

    /// A file or folder that the program has written.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Builds a request that sends an operation.
    pub(crate) fn request(
        &self,
        token: Option<&str>,
        query: &str,
        variables: Value,
    ) -> RequestBuilder {
        graphql_request(&self.http, &self.url, token, query, variables)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    /// Sends SIGTERM, and does not wait.
    pub(crate) fn terminate(&self) {
        let pid = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    }

    /// Waits until the program ends. Returns its exit status and its whole log.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.process.wait().unwrap();
        (status, fs::read_to_string(self.folder.path().join(LOG_FILE)).unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The program may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A shell with file systems of its own, which runs a server and obeys one command per line. Its
/// script must end the server when its input ends, which is when this is dropped.
pub(crate) struct MountingShell {
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl MountingShell {
    /// Runs a script whose first argument is `folder` and whose second is the program. It prints
    /// `done` after each command.
    pub(crate) fn start(script: &str, folder: &Path, database: &str, port: u16) -> Self {
        let mut shell = tokio::process::Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", script, "sh"])
            .arg(folder)
            .arg(env!("CARGO_BIN_EXE_rowlock"))
            .env("DATABASE_URL", database)
            .env("JWT_SECRET", JWT_SECRET)
            .env("LISTEN_ADDR", format!("127.0.0.1:{port}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdin: shell.stdin.take().unwrap(),
            lines: BufReader::new(shell.stdout.take().unwrap()).lines(),
        }
    }

    /// Runs a command, and returns the lines that it prints.
    pub(crate) async fn run(&mut self, command: &str) -> Vec<String> {
        self.stdin.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        let mut output = Vec::new();
        loop {
            let line = self.lines.next_line().await.unwrap();
            match line.expect("the shell is still running").as_str() {
                "done" => return output,
                line => output.push(line.to_owned()),
            }
        }
    }
}
