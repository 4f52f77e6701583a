//! Tasks for working on Rowlock. This program compiles quickly, as it leaves the work to others.

mod bench;
mod chaos;
mod cluster;
mod deny;
mod dist;
mod failover;
mod layers;
mod lighthouse;
mod npm;
mod paths;
mod postgres;
mod race;
mod relay;
mod run;
mod server;
mod shell;
mod test;
mod tools;
mod web;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Tasks for working on Rowlock
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything and serve it with demo data, on an SQLite file in data/
    Run(run::Args),
    /// Check formatting, lints and layers, build the web client, and run every test; installs and
    /// starts what the tests need
    Test(test::Args),
    /// Measure speed against baselines in the same run, and write docs/benchmarks.md
    Bench(bench::Args),
    /// Break servers, databases and connections under load, and check that no booking is lost,
    /// nothing is oversold and live counts are correct
    Chaos(chaos::Args),
    /// Check licences, sources and known advisories of all dependencies against deny.toml
    Deny(deny::Args),
    /// Build a program that has the site in it, and package it as a tarball and for Debian
    Dist,
    /// Check that no modules import each other in a circle, and print the layers of every crate
    Layers(layers::Args),
    /// Write schema.graphql from the server's code
    Schema,
    /// Build the web client and the IDEs into web/dist
    Web,
    /// Measure performance, accessibility and best practices of the events page with Lighthouse
    Lighthouse,
}

fn main() -> ExitCode {
    match task(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn task(task: Task) -> Result<()> {
    paths::enter_repository()?;
    match task {
        Task::Run(args) => run::run(&args),
        Task::Test(args) => test::test(&args),
        Task::Bench(args) => bench::bench(&args),
        Task::Chaos(args) => chaos::chaos(&args),
        Task::Deny(args) => deny::deny(&args),
        Task::Dist => dist::dist(),
        Task::Layers(args) => layers::layers(&args),
        Task::Schema => {
            let sdl =
                shell::output_of("cargo", &["run", "--quiet", "-p", "rowlock", "--", "schema"])?;
            Ok(std::fs::write("schema.graphql", sdl)?)
        }
        Task::Lighthouse => lighthouse::lighthouse(),
        Task::Web => web::build(web::Ides::Required),
    }
}
