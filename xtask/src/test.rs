//! Everything that CI runs.

use std::{fs, path::Path, process::Command};

use anyhow::Result;

use crate::{
    chaos,
    npm::{self, Package},
    postgres::{Durability, Postgres},
    race,
    shell::{call, finish, has, heading},
    tools::need_package,
    web::{self, Ide},
};

/// Finds what makes a page hard to use for some people.
const AXE: Package = Package {
    name: "axe-core",
    version: "4.14.1",
    integrity: "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the tests whose names contain this; no lints, no races
    filter: Option<String>,
}

pub(crate) fn test(args: &Args) -> Result<()> {
    if args.filter.is_none() {
        heading("Format");
        call("cargo", &["fmt", "--all", "--check"])?;
        heading("Lints");
        let lints =
            ["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"];
        call("cargo", &lints)?;
    }
    let browser = has("chromium") && has("chromedriver");
    need_package(browser, "Chromium with its driver", &["chromium", "chromium-driver"])?;
    need_package(has("npm"), "npm", &["nodejs", "npm"])?;
    need_package(has("curl"), "curl", &["curl"])?;
    let clients = npm::install(Path::new("server/tests/clients"))?;
    let axe = fs::canonicalize(AXE.fetch()?.join("axe.min.js"))?;
    web::build(Ide::Required)?;

    // Programs and tests in one go, or their dependencies would be built twice, with the features
    // that each of them needs. The one left out ran already.
    let workspace = ["--workspace", "--all-targets", "--exclude", "rowlock-web-bundler"];
    heading("Building the programs and their tests");
    finish(Command::new("cargo").arg("build").args(workspace))?;

    let postgres = Postgres::start(Durability::ThrownAway)?;
    heading("Tests");
    finish(
        Command::new("cargo")
            .arg("test")
            .args(workspace)
            .args(&args.filter)
            .env("TEST_POSTGRES_URL", postgres.url("postgres"))
            .env("TEST_CLIENTS", clients)
            .env("TEST_AXE_SCRIPT", axe),
    )?;
    if args.filter.is_none() {
        race::on_both_engines(&postgres)?;
        drop(postgres);
        chaos::short_form()?;
    }
    Ok(())
}
