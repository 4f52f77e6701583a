//! Plays Rowlock's users in parallel, and checks that nothing was oversold.

#![expect(unreachable_pub, reason = "cynic makes public what it generates of the schema")]

mod api;
mod queries;
mod race;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Play Rowlock's users in parallel and check that nothing is oversold.
#[derive(Parser)]
#[command(name = "loadtest")]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// Many users ask for an event's last tickets in the same moment
    Race(race::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let passed = match Cli::parse().scenario {
        Scenario::Race(args) => race::race(args).await,
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            ExitCode::FAILURE
        }
    }
}
