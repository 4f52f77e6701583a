//! The `rowlock` program: reads the command line and hands over.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use rowlock::{commands, config};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match config::from_command_line() {
        Ok(cli) => cli,
        Err(line) => {
            eprintln!("rowlock: {line}");
            return ExitCode::from(2);
        }
    };
    match commands::run(cli).await {
        Ok(code) => code,
        Err(error) => {
            // One line with its causes, whatever they are.
            eprintln!("rowlock: {error:#}");
            ExitCode::FAILURE
        }
    }
}
