//! The `rowlock` program: reads the command line and hands over.

use std::process::ExitCode;

use clap::Parser;
use rowlock::{commands, config::Cli};

#[tokio::main]
async fn main() -> ExitCode {
    match commands::run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            // One line with its causes, whatever they are.
            eprintln!("rowlock: {error:#}");
            ExitCode::FAILURE
        }
    }
}
