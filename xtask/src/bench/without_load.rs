//! Benchmarks that need no load.

use std::{
    fs,
    net::TcpListener,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    deployment::PROFILE,
    row::{Row, Run, Target},
    setup::Setup,
};
use crate::{
    server::{get, rowlock},
    shell::call_command,
    web::{self, Ides},
};

/// Many, as the time of a start varies.
const START_COUNT: u32 = 10;
const START_TIMEOUT: Duration = Duration::from_secs(10);
const READING_INTERVAL: Duration = Duration::from_millis(500);
const MAX_READINGS: u32 = 20;
/// Memory that grows less than this between two readings has settled.
const SETTLED_MIB: f64 = 0.1;

pub(super) fn start(setup: &Setup) -> Result<Vec<Row>> {
    let database = format!("sqlite:{}", setup.folder.join("start.db").display());
    for command in ["migrate", "seed"] {
        call_command(&mut rowlock(PROFILE, command, &database))?;
    }
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    for number in 1..=START_COUNT {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let started = Instant::now();
        let mut server = rowlock(PROFILE, "serve", &database)
            .env("LISTEN_ADDR", &address)
            .stderr(Stdio::null())
            .spawn()
            .context("starting rowlock")?;
        let ready = wait_until_ready(&mut server, &address, started);
        let resident = settled_mib(server.id());
        server.kill()?;
        server.wait()?;
        let (millis, mib) = (ready?.as_secs_f64() * 1_000.0, resident?);
        println!("start {number}/{START_COUNT}: {millis:.1} ms, {mib:.1} MiB");
        times.push(Run::alone(millis));
        memory.push(Run::alone(mib));
    }
    let row = |name, description, unit, maximum, runs| {
        let note = "on a migrated SQLite file".to_owned();
        Row { name, description, unit, target: Target::AtMost(maximum), runs, note }
    };
    Ok(vec![
        row("start", "time from start to ready", "ms", 150.0, times),
        row("idle", "memory of an idle server", "MiB", 30.0, memory),
    ])
}

fn wait_until_ready(server: &mut Child, address: &str, started: Instant) -> Result<Duration> {
    while started.elapsed() < START_TIMEOUT {
        if get(address, "/readyz").is_ok_and(|response| response.starts_with("HTTP/1.1 200")) {
            return Ok(started.elapsed());
        }
        if let Some(status) = server.try_wait()? {
            bail!("rowlock did not start, but ended with {status}");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    bail!("rowlock was not ready after {} s", START_TIMEOUT.as_secs())
}

/// A server's memory once it has stopped growing. Right after a start it is less: the first looks for
/// jobs are still to come, and the kernel may make huge pages of its memory.
fn settled_mib(pid: u32) -> Result<f64> {
    let mut before = resident_mib(pid)?;
    for _ in 0..MAX_READINGS {
        std::thread::sleep(READING_INTERVAL);
        let now = resident_mib(pid)?;
        if now - before < SETTLED_MIB {
            return Ok(now);
        }
        before = now;
    }
    bail!("the memory of an idle server grows and grows: {before:.1} MiB")
}

fn resident_mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok()
    });
    Ok(kib.context("there is no VmRSS in /proc")? / 1_024.0)
}

/// The size of the page, and of its assets as the bundler compressed them.
pub(super) fn page() -> Result<Vec<Row>> {
    web::build(Ides::Optional)?;
    let page = fs::read_to_string("web/dist/index.html")?;
    let mut bytes = page.len() as u64;
    for asset in page.split('"').filter(|text| text.starts_with("/assets/")) {
        bytes += fs::metadata(format!("web/dist{asset}.br"))?.len();
    }
    let runs = vec![Run::alone(bytes as f64 / 1_000.0)];
    let (description, note) = ("size of the first visit's downloads, with brotli", String::new());
    Ok(vec![Row {
        name: "page",
        description,
        unit: "kB",
        target: Target::AtMost(300.0),
        runs,
        note,
    }])
}
