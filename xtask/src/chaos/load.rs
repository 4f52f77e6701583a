//! Loads with a fault in them.

use std::{fs, path::Path, process::Command, thread::sleep, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{
    fault::{Fault, MAX_LATENCY_MS},
    setup::{EVENTS, Setup},
};
use crate::paths::target_folder;

/// A load with a fault in it.
pub(super) struct Load<'a> {
    pub(super) seconds: u64,
    /// Time until the fault.
    pub(super) before: Duration,
    pub(super) rate: u32,
    pub(super) extra: &'a [&'a str],
}

impl Setup {
    /// A load test whose output goes to the log, and whose results go to a JSON file beside it.
    pub(super) fn load(
        &self,
        load: &Load<'_>,
        servers: &[&str],
        tokens: &Path,
        log: &Path,
    ) -> Result<Command> {
        let Load { seconds, rate, extra, .. } = load;
        let output = fs::File::create(log)?;
        let urls: Vec<String> = servers.iter().map(|address| format!("http://{address}")).collect();
        let mut load = Command::new(target_folder().join(self.profile).join("loadtest"));
        load.arg("mixed")
            .args(*extra)
            .args(["--url", &urls.join(",")])
            .args(["--watch-url", urls.last().context("there is a server")?])
            .args(["--events", &EVENTS.to_string(), "--seconds", &seconds.to_string()])
            .args(["--rate", &rate.to_string(), "--connections", "64"])
            .arg("--tokens")
            .arg(tokens)
            .arg("--json")
            .arg(log.with_extension("json"))
            .stdout(output.try_clone()?)
            .stderr(output);
        Ok(load)
    }

    /// Runs the usual load with a fault in its middle. Returns a summary.
    pub(super) fn cause_under_load(
        &self,
        fault: Fault,
        servers: &[&str],
        tokens: &Path,
        cause_fault: impl FnOnce() -> Result<()>,
    ) -> Result<String> {
        let log = self.folder.join(format!("{}.log", fault.name()));
        self.run_load(&self.usual_load(self.seconds), fault, servers, tokens, &log, cause_fault)
    }

    pub(super) fn usual_load(&self, seconds: u64) -> Load<'static> {
        let before = Duration::from_secs(seconds) / 2;
        Load { seconds, before, rate: self.rate, extra: &["--organize"] }
    }

    /// Runs a load with a fault. Returns a summary.
    pub(super) fn run_load(
        &self,
        load: &Load<'_>,
        fault: Fault,
        servers: &[&str],
        tokens: &Path,
        log: &Path,
        cause_fault: impl FnOnce() -> Result<()>,
    ) -> Result<String> {
        let before = load.before;
        let mut load =
            self.load(load, servers, tokens, log)?.spawn().context("starting the load test")?;
        sleep(before);
        let caused = cause_fault();
        let status = load.wait()?;
        caused?;
        if !status.success() {
            let output = fs::read_to_string(log)?;
            let (excused, complaints): (Vec<&str>, Vec<&str>) = output
                .lines()
                .filter(|line| line.contains("WRONG") || line.contains("loadtest:"))
                .map(str::trim)
                .partition(|line| {
                    fault.excused_checks().iter().any(|check| line.starts_with(check))
                });
            ensure!(
                complaints.is_empty() && !excused.is_empty(),
                "{} (see {})",
                complaints.join("; "),
                log.display()
            );
        }
        let json = log.with_extension("json");
        let found: Value = serde_json::from_str(&fs::read_to_string(&json)?)?;
        let kinds = found["kinds"].as_object().context("the load test's results have no kinds")?;
        let mut summary = Vec::new();
        for (kind, times) in kinds {
            let max =
                times["max_ms"].as_f64().context("the load test's results have no maximum")?;
            ensure!(max < MAX_LATENCY_MS, "{kind}: an answer took {max:.0} ms");
            let p99 = times["p99_ms"].as_f64().context("the load test's results have no p99")?;
            ensure!(p99 < fault.max_p99_ms(), "{kind}: the 99th percentile is {p99:.0} ms");
            summary.push(format!("{kind} {} (p99 {p99:.0} ms)", times["count"]));
        }
        let checks =
            found["checks"].as_array().context("the load test's results have no checks")?;
        let kept = checks.iter().find(|check| check["what"] == "acknowledged bookings found");
        let kept = kept.context("the load test did not look up acknowledged bookings")?;
        let kept_number = |name: &str| kept[name].as_str().unwrap_or_default().to_owned();
        let reconnects = found["figures"]["sockets_opened_again"].as_f64().unwrap_or_default();
        ensure!(
            fault != Fault::OlderDatabase || reconnects == 0.0,
            "no socket stayed open, on which the lost counts would be seen"
        );
        Ok(format!(
            "{}; {} acknowledged bookings, of which {} were found; {reconnects} sockets were \
             opened again",
            summary.join(", "),
            kept_number("should"),
            kept_number("was"),
        ))
    }
}
