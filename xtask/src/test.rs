//! Everything that CI runs.

use std::process::Command;

use anyhow::Result;

use crate::{
    postgres::Postgres,
    race,
    shell::{call, finish, has, heading},
    tools::need_package,
    web::{self, Ide},
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
    web::build(Ide::Required)?;

    // Programs and tests in one go, or their dependencies would be built twice, with the features
    // that each of them needs. The one left out ran already.
    let workspace = ["--workspace", "--all-targets", "--exclude", "rowlock-web-bundler"];
    heading("Building the programs and their tests");
    finish(Command::new("cargo").arg("build").args(workspace))?;

    let postgres = Postgres::start()?;
    heading("Tests");
    finish(
        Command::new("cargo")
            .arg("test")
            .args(workspace)
            .args(&args.filter)
            .env("TEST_POSTGRES_URL", postgres.url("postgres")),
    )?;
    if args.filter.is_none() {
        race::on_both_engines(&postgres)?;
    }
    Ok(())
}
