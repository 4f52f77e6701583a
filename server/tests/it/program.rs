//! The built program in a process of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use tokio::time::{Instant, sleep};

const READY_WITHIN: Duration = Duration::from_secs(20);

/// `rowlock` in a folder, with no setting from outside.
pub(crate) fn rowlock(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowlock"));
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

/// A port of this machine that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until the server at `url` answers that it is ready.
pub(crate) async fn wait_until_ready(url: &str) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        let answer = http.get(format!("{url}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        assert!(Instant::now() < deadline, "{url} was never ready");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A running `rowlock serve`; it is killed when this is dropped.
pub(crate) struct Program {
    pub(crate) url: String,
    process: Child,
    log: PathBuf,
}

impl Program {
    /// With these settings, as environment variables. Its log is a file in `folder`.
    pub(crate) async fn serve(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let log = folder.join("log");
        let process = rowlock(folder)
            .env("LISTEN_ADDR", &address)
            .envs(settings.iter().copied())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let program = Self { url: format!("http://{address}"), process, log };
        wait_until_ready(&program.url).await;
        program
    }

    /// Asks it to stop, without waiting for it.
    pub(crate) fn terminate(&self) {
        let pid = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    }

    /// Waits for its end; gives how it ended and all that it logged.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.process.wait().unwrap();
        (status, fs::read_to_string(&self.log).unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
