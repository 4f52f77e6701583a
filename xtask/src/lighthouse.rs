//! Measures the page that visitors open first with Lighthouse.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::{
    paths::target_folder,
    server::Server,
    shell::{call, call_command, heading, is_installed, output_of},
    tools::ensure_package,
    web::{self, Ides},
};

const VERSION: &str = "13.5.0";

/// Several, as the performance score varies by a few points.
const RUNS: usize = 5;

/// Of Lighthouse itself, over all runs.
const MAX_FAILURES: u32 = 3;

/// Lighthouse's categories, and the minimum score in each.
const CATEGORIES: [(&str, u32); 3] =
    [("performance", 95), ("accessibility", 100), ("best-practices", 100)];

const METRICS: [&str; 3] =
    ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time"];

pub(crate) fn lighthouse() -> Result<()> {
    ensure_package(is_installed("chromium"), "Chromium", &["chromium"])?;
    ensure_package(is_installed("npm"), "npm", &["nodejs", "npm"])?;
    web::build(Ides::Optional)?;
    heading("Building the server");
    call("cargo", &["build", "--release", "-p", "rowlock"])?;

    let folder = target_folder().join("lighthouse");
    let program = folder.join("node_modules/.bin/lighthouse");
    if !program.is_file() {
        heading("Fetching Lighthouse");
        fs::create_dir_all(&folder)?;
        let package = format!("lighthouse@{VERSION}");
        let into = folder.to_string_lossy();
        call("npm", &["install", "--no-audit", "--no-fund", "--prefix", &into, &package])?;
    }

    let database = folder.join("rowlock.db");
    if database.exists() {
        fs::remove_file(&database)?;
    }
    let database = format!("sqlite:{}", database.display());
    let server = Server::start("release", &database, &folder.join("server.log"))?;

    heading(&format!("Running Lighthouse {RUNS} times"));
    let chromium = output_of("which", &["chromium"])?;
    let mut runs = Vec::new();
    let mut failures = 0;
    while runs.len() < RUNS {
        let number = runs.len() + 1;
        let report = folder.join(format!("run-{number}"));
        let measured = call_command(
            Command::new(&program)
                .arg(format!("{}/events", server.url))
                .args(["--quiet", "--output=json", "--output=html"])
                .arg(format!("--output-path={}", report.display()))
                .arg("--chrome-flags=--headless=new --no-sandbox --disable-gpu --disable-quic")
                .env("CHROME_PATH", chromium.trim()),
        );
        // Lighthouse sometimes loses its browser, which is not the page's fault.
        if let Err(error) = measured {
            failures += 1;
            if failures > MAX_FAILURES {
                return Err(error);
            }
            println!("Lighthouse itself failed and is run again");
            continue;
        }
        let run = Run::read(&report)?;
        println!("{run}");
        runs.push(run);
    }
    judge(&mut runs)
}

/// The results of one run.
struct Run {
    /// From 0 to 100, in the order of [`CATEGORIES`].
    scores: [u32; CATEGORIES.len()],
    metrics: String,
    /// The report for people.
    html: PathBuf,
}

impl Run {
    fn read(report: &Path) -> Result<Self> {
        let json = fs::read_to_string(report.with_extension("report.json"))?;
        let json: serde_json::Value = serde_json::from_str(&json)?;
        let scores = CATEGORIES.map(|(category, _)| {
            let score = json["categories"][category]["score"].as_f64().unwrap_or_default();
            (score * 100.0).round() as u32
        });
        let metrics = METRICS.map(|metric| {
            let audit = &json["audits"][metric];
            format!("{metric} {}", audit["displayValue"].as_str().unwrap_or("unknown"))
        });
        let html = report.with_extension("report.html");
        Ok(Self { scores, metrics: metrics.join(", "), html })
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((category, _), score) in CATEGORIES.iter().zip(self.scores) {
            write!(f, "{category} {score}, ")?;
        }
        write!(f, "{}", self.metrics)
    }
}

/// Judges performance, which varies, by the median, and other categories by the worst run.
fn judge(runs: &mut [Run]) -> Result<()> {
    for (index, (category, minimum)) in CATEGORIES.into_iter().enumerate() {
        runs.sort_by_key(|run| run.scores[index]);
        let judged = &runs[if category == "performance" { runs.len() / 2 } else { 0 }];
        let score = judged.scores[index];
        println!("{category}: {score}, see {}", judged.html.display());
        if score < minimum {
            bail!("{category} is {score}, but must be at least {minimum}");
        }
    }
    Ok(())
}
