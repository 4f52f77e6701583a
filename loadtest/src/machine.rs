//! CPU and memory use of this machine, and limits on open files.

use std::{fmt, fs};

use anyhow::{Context, Result, ensure};

/// CPU use as a share of all cores, from 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuUsage {
    pub(crate) client: f64,
    pub(crate) machine: f64,
}

/// Measures CPU use from its start on.
pub(crate) struct CpuMeter {
    own: f64,
    busy: f64,
    total: f64,
}

impl CpuMeter {
    pub(crate) fn start() -> Self {
        let (busy, total) = machine_ticks();
        Self { own: own_ticks(), busy, total }
    }

    /// CPU use since the start.
    pub(crate) fn read(&self) -> CpuUsage {
        let (busy, total) = machine_ticks();
        let total = (total - self.total).max(1.0);
        CpuUsage { client: (own_ticks() - self.own) / total, machine: (busy - self.busy) / total }
    }
}

impl fmt::Display for CpuUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (machine, client) = (self.machine * 100.0, self.client * 100.0);
        write!(f, "CPU: {machine:.0} % busy, {client:.0} % used by this client.")
    }
}

/// The resident memory of another process.
pub(crate) fn process_memory_kib(pid: u32) -> Result<f64> {
    let file = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = resident.and_then(|size| size.split_whitespace().next()?.parse().ok());
    number.with_context(|| format!("there is no VmRSS in {file}"))
}

/// Besides a load's connections.
const OTHER_OPEN_FILES: u64 = 50;

/// Checks that this process may open so many sockets.
///
/// # Errors
/// When it may not. The message says what to do.
pub(crate) fn ensure_sockets_allowed(wanted: u32) -> Result<()> {
    let needed = u64::from(wanted) + OTHER_OPEN_FILES;
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    // The limit may also be "unlimited", or unknown.
    let allowed = files.and_then(|limits| limits.split_whitespace().next()?.parse::<u64>().ok());
    ensure!(
        allowed.is_none_or(|allowed| allowed >= needed),
        "{wanted} sockets need {needed} open files, but only {} are allowed; run \
         `ulimit -n {needed}` in this shell first, and in the server's",
        allowed.unwrap_or_default()
    );
    Ok(())
}

/// Clock ticks that this process used. Zero without `/proc`.
fn own_ticks() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in parentheses, which may contain anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum()
}

/// Clock ticks of all cores: the busy ones, and the total.
fn machine_ticks() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or_default();
    let ticks: Vec<f64> =
        first.split_whitespace().skip(1).take(8).filter_map(|ticks| ticks.parse().ok()).collect();
    let total: f64 = ticks.iter().sum();
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    (total - idle, total)
}
