//! Lighthouse on the page that visitors come to first.

use std::{fs, process::Command};

use anyhow::{Result, bail};

use crate::{
    server::Server,
    shell::{call, finish, has, heading, read},
    tools::need_package,
    web::{self, Ide, target_folder},
};

const VERSION: &str = "13.5.0";

/// Lighthouse's categories, and the least that the page must reach in each.
const CATEGORIES: [(&str, u32); 3] =
    [("performance", 95), ("accessibility", 100), ("best-practices", 100)];

pub(crate) fn lighthouse() -> Result<()> {
    need_package(has("chromium"), "Chromium", &["chromium"])?;
    need_package(has("npm"), "npm", &["nodejs", "npm"])?;
    web::build(Ide::IfItCanBeHad)?;
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

    heading("Lighthouse");
    let report = folder.join("report");
    finish(
        Command::new(&program)
            .arg(format!("{}/events", server.url))
            .args(["--quiet", "--output=json", "--output=html"])
            .arg(format!("--output-path={}", report.display()))
            .arg("--chrome-flags=--headless=new --no-sandbox --disable-gpu --disable-quic")
            .env("CHROME_PATH", chromium()?),
    )?;
    judge(&fs::read_to_string(report.with_extension("report.json"))?)?;
    println!("The report: {}", report.with_extension("report.html").display());
    Ok(())
}

fn judge(report: &str) -> Result<()> {
    let report: serde_json::Value = serde_json::from_str(report)?;
    let mut too_low = Vec::new();
    for (category, least) in CATEGORIES {
        let score = report["categories"][category]["score"].as_f64().unwrap_or_default() * 100.0;
        println!("{category}: {score:.0} (at least {least})");
        if score.round() < f64::from(least) {
            too_low.push(category);
        }
    }
    for metric in ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time"] {
        println!("{metric}: {}", report["audits"][metric]["displayValue"].as_str().unwrap_or("?"));
    }
    if !too_low.is_empty() {
        bail!("too low: {}", too_low.join(", "));
    }
    Ok(())
}

fn chromium() -> Result<String> {
    Ok(read("which", &["chromium"])?.trim().to_owned())
}
