//! Builds and serves a working site from a fresh clone.

use std::process::Command;

use anyhow::Result;

use crate::{
    paths::target_folder,
    shell::{call, call_command, heading},
    web::{self, Ides},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Build the server with optimisations, as in production
    #[arg(long)]
    release: bool,
    /// Flags for `rowlock serve`, as in `cargo xtask run -- --listen-addr 0.0.0.0:8080`
    #[arg(last = true)]
    serve: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    heading("Building the server");
    let mut build = vec!["build", "-p", "rowlock"];
    if args.release {
        build.push("--release");
    }
    call("cargo", &build)?;

    let profile = if args.release { "release" } else { "debug" };
    let rowlock = target_folder().join(profile).join("rowlock");
    let program = rowlock.to_string_lossy();
    let mut serve = Command::new(&rowlock);
    serve.arg("serve").args(&args.serve);
    if args.serve.iter().any(|flag| ["-h", "--help"].contains(&flag.as_str())) {
        return call_command(&mut serve);
    }
    web::build(Ides::Optional)?;
    heading("Preparing the database");
    // The flags for the server may choose another database.
    let database: Vec<&str> = database_flag(&args.serve);
    for command in [&["migrate"][..], &["seed", "--demo-users"]] {
        call(&program, &[command, &*database].concat())?;
    }
    heading("Serving. Press Ctrl-C to stop.");
    call_command(&mut serve)
}

/// `--database-url` with its value, if it is among the flags.
fn database_flag(flags: &[String]) -> Vec<&str> {
    const NAME: &str = "--database-url";
    let Some(index) = flags.iter().position(|flag| flag.split('=').next() == Some(NAME)) else {
        return Vec::new();
    };
    let length = if flags[index] == NAME { 2 } else { 1 };
    flags[index..].iter().take(length).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_flag_is_found_in_either_form() {
        let flags = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let found = |line: &str| database_flag(&flags(line)).join(" ");
        assert_eq!(found("--listen-addr a --database-url b --x"), "--database-url b");
        assert_eq!(found("--database-url=b=c --x"), "--database-url=b=c");
        assert_eq!(found("--listen-addr a"), "");
    }
}
