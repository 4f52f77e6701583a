//! Checks dependencies with cargo-deny.

use std::process::Command;

use anyhow::Result;

use crate::{
    paths::target_folder,
    shell::{call_command, heading},
};

const VERSION: &str = "0.20.2";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Skip the advisories, whose database comes from GitHub
    #[arg(long)]
    offline: bool,
}

pub(crate) fn deny(args: &Args) -> Result<()> {
    let tools = target_folder().join("tools");
    let program = tools.join("bin/cargo-deny");
    if !program.is_file() {
        heading("Installing cargo-deny");
        let mut install = Command::new("cargo");
        install.args(["install", "cargo-deny", "--locked", "--version", VERSION, "--root"]);
        call_command(install.arg(&tools))?;
    }
    heading("Checking dependencies");
    let mut check = Command::new(program);
    check.arg("check").args(["licenses", "bans", "sources"]);
    if !args.offline {
        check.arg("advisories");
    }
    call_command(&mut check)
}
