//! The `rowlock` program: parses the command line and runs its command.

use std::{
    io::{self, Write},
    num::NonZero,
    process::ExitCode,
    thread,
};

use mimalloc::MiMalloc;
use rowlock::app::{cli, commands};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Threads for files and names, besides those that hash passwords. Each keeps some memory, and by
/// default there would be one for each of hundreds of requests for files.
const FILE_THREADS: usize = 16;

fn main() -> ExitCode {
    let cli = match cli::from_command_line() {
        Ok(cli) => cli,
        Err(line) => {
            tell(&line);
            return ExitCode::from(2);
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(cores + FILE_THREADS)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tell(&format!("no threads can be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(code) => code,
        Err(error) => {
            tell(&in_one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// Tells what went wrong. Whoever would read it may have closed the pipe.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "rowlock: {line}");
}

/// Writes an error and its causes in one line. A database error ends with the text of its cause,
/// which is then not repeated.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        let cause = cause.strip_prefix("Custom Error: ").unwrap_or(&cause);
        if !line.ends_with(cause) {
            let colon = if line.is_empty() { "" } else { ": " };
            line = format!("{line}{colon}{cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn an_error_is_one_line_without_repetitions() {
        let error = Err::<(), _>(anyhow!("no such file"))
            .context("Custom Error: can't open it: no such file")
            .context("opening the database");
        let line = in_one_line(&error.unwrap_err());
        assert_eq!(line, "opening the database: can't open it: no such file");
    }
}
