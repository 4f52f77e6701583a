//! Simulates Rowlock's users in parallel and checks that nothing is oversold.

#![expect(unreachable_pub, reason = "the types that cynic generates from the schema are public")]

mod abuse;
mod access_tokens;
mod api;
mod browse;
mod guess;
mod http;
mod load;
mod machine;
mod mixed;
mod organizer;
mod plot;
mod queries;
mod race;
mod report;
mod rush;
mod sale;
mod socket;
mod watch;
mod watcher;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Simulate Rowlock's users in parallel and check that nothing is oversold.
#[derive(Parser)]
#[command(name = "loadtest")]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// Many users book an event's last tickets at the same moment
    Race(race::Args),
    /// Visitors list events, search for them, and open one
    Browse(browse::Args),
    /// Many users book tickets for the same events, as when a sale opens
    Rush(rush::Args),
    /// Visitors browse, users book and cancel, live counts are watched, and an organizer edits events
    Mixed(mixed::Args),
    /// Strangers guess passwords
    Guess(guess::Args),
    /// Many subscribers watch an event's live count while its tickets are booked
    Watch(watch::Args),
    /// One client makes the server hold or compute as much as it can
    Abuse(abuse::Args),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let passed = match Cli::parse().scenario {
        Scenario::Race(args) => race::race(args).await,
        Scenario::Browse(args) => browse::browse(args).await,
        Scenario::Rush(args) => rush::rush(args).await,
        Scenario::Mixed(args) => mixed::mixed(args).await,
        Scenario::Guess(args) => guess::guess(args).await,
        Scenario::Watch(args) => watch::watch(args).await,
        Scenario::Abuse(args) => abuse::abuse(args).await,
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
