//! A real SMTP server for tests: `smtp/server.py`, which reads mails with Python's parsers.

use std::{process::Stdio, sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    task::JoinHandle,
};

use crate::{app::App, program::free_port, waiting::wait_until};

/// Jobs are looked for every second, and retried after one, two and four seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A mail as the server got it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Mail {
    /// How the server answered it.
    pub(crate) answer: String,
    pub(crate) to: Vec<String>,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) subject: String,
    #[serde(default)]
    pub(crate) headers: Value,
    #[serde(default)]
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) html: String,
    #[serde(default)]
    pub(crate) calendar: Value,
}

impl Mail {
    pub(crate) fn id(&self) -> &str {
        self.headers["message-id"].as_str().unwrap()
    }

    pub(crate) fn was_taken(&self) -> bool {
        ["ok", "stall-at-quit"].contains(&self.answer.as_str())
    }
}

/// A running SMTP server. Dropping this ends it.
pub(crate) struct SmtpServer {
    pub(crate) port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
    stdin: ChildStdin,
    _process: Child,
    reader: JoinHandle<()>,
}

impl SmtpServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(&["0"]).await
    }

    pub(crate) async fn start_on(port: u16) -> Self {
        Self::start_with(&[&port.to_string()]).await
    }

    /// Starts a server that wants TLS and this user and password.
    pub(crate) async fn start_with(args: &[&str]) -> Self {
        // The packages are those of the system's Python.
        let mut process = Command::new("/usr/bin/python3")
            .arg("tests/smtp/server.py")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines
            .next_line()
            .await
            .unwrap()
            .expect("the server prints its port; `cargo xtask test` installs what it needs");
        let first: Value = serde_json::from_str(&first).unwrap();
        let mails = Arc::<Mutex<Vec<Mail>>>::default();
        let reader = tokio::spawn({
            let mails = Arc::clone(&mails);
            async move {
                while let Ok(Some(line)) = lines.next_line().await {
                    mails.lock().push(serde_json::from_str(&line).unwrap());
                }
            }
        });
        Self {
            port: u16::try_from(first["port"].as_u64().unwrap()).unwrap(),
            mails,
            stdin: process.stdin.take().unwrap(),
            _process: process,
            reader,
        }
    }

    /// Says how the server answers the next mails.
    pub(crate) async fn answer(&mut self, answers: &[&str]) {
        for answer in answers {
            self.stdin.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
        }
        self.stdin.flush().await.unwrap();
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().clone()
    }

    /// Those mails that the server has taken.
    pub(crate) fn taken(&self) -> Vec<Mail> {
        self.mails().into_iter().filter(Mail::was_taken).collect()
    }

    /// Waits until the server has taken this many mails, and returns them.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Mail> {
        let condition = format!("{count} mails are taken");
        wait_until(TIMEOUT, &condition, async || self.taken().len() >= count).await;
        self.taken()
    }

    /// Waits for a mail that was taken whose subject begins so.
    pub(crate) async fn wait_for_subject(&self, start: &str) -> Mail {
        let find = || self.taken().into_iter().find(|mail| mail.subject.starts_with(start));
        wait_until(TIMEOUT, &format!("a mail {start:?} is taken"), async || find().is_some()).await;
        find().unwrap()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The flags of a Rowlock server that sends mails to this port.
pub(crate) fn flags(port: u16) -> Vec<String> {
    let flags = [
        "--smtp-url",
        &format!("smtp://127.0.0.1:{port}"),
        "--mail-from",
        "Tickets <tickets@rowlock.example>",
        "--public-url",
        "https://tickets.example",
        "--mails-per-second",
        "1000",
        "--smtp-seconds",
        "10",
    ];
    flags.map(str::to_owned).to_vec()
}

/// The same server with the same database, which now sends its mails.
pub(crate) async fn with_smtp(app: &App) -> (App, SmtpServer) {
    let smtp = SmtpServer::start().await;
    (with_smtp_at(app, smtp.port).await, smtp)
}

pub(crate) async fn with_smtp_at(app: &App, port: u16) -> App {
    app.stop_server();
    second_server(app, port).await
}

/// One more server on the same database, which sends its mails to this port.
pub(crate) async fn second_server(app: &App, port: u16) -> App {
    let flags = flags(port);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    App::start_on(app.database_url.clone(), TempDir::new().unwrap(), &flags).await
}

/// A port at which no SMTP server is yet.
pub(crate) fn port_of_nobody() -> u16 {
    free_port()
}
