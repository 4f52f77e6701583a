//! The `rowlock` program: parses the command line and runs its command.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use rowlock::app::{cli, commands};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match cli::from_command_line() {
        Ok(cli) => cli,
        Err(line) => {
            eprintln!("rowlock: {line}");
            return ExitCode::from(2);
        }
    };
    match commands::run(cli).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rowlock: {}", in_one_line(&error));
            ExitCode::FAILURE
        }
    }
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
