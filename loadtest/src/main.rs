//! Plays Rowlock's users in parallel, and checks that nothing was oversold.

#![expect(unreachable_pub, reason = "cynic makes public what it generates of the schema")]

mod access_tokens;
mod api;
mod browse;
mod guess;
mod http;
mod load;
mod machine;
mod mixed;
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
    /// People look at the list, search it, and open an event
    Browse(browse::Args),
    /// An on-sale: many users want tickets of the same events
    Rush(rush::Args),
    /// People look around, book, cancel, and watch
    Mixed(mixed::Args),
    /// Strangers guess passwords
    Guess(guess::Args),
    /// Many watch an event over sockets while its tickets are booked
    Watch(watch::Args),
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
