//! From a fresh clone to a working site.

use std::process::Command;

use anyhow::Result;

use crate::{
    shell::{call, finish, heading},
    web::{self, target_folder},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Build the server with optimisations, as for real use
    #[arg(long)]
    release: bool,
    /// For `rowlock serve`, as in `cargo xtask run -- --listen-addr 0.0.0.0:8080`
    #[arg(last = true)]
    serve: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    web::build()?;
    heading("Building the server");
    let mut build = vec!["build", "-p", "rowlock"];
    if args.release {
        build.push("--release");
    }
    call("cargo", &build)?;

    let profile = if args.release { "release" } else { "debug" };
    let rowlock = target_folder().join(profile).join("rowlock");
    let program = rowlock.to_string_lossy();
    heading("Preparing the database");
    call(&program, &["migrate"])?;
    call(&program, &["seed"])?;
    heading("Serving; Ctrl-C stops it");
    finish(Command::new(&rowlock).arg("serve").args(&args.serve))
}
