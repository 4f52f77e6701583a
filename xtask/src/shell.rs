//! Calling programs, with an error that names what was called.

use std::{
    env,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};

/// Says what comes next.
pub(crate) fn heading(text: &str) {
    eprintln!("\n── {text}");
}

/// Runs a program to its end, its output passed through.
pub(crate) fn call(program: &str, args: &[&str]) -> Result<()> {
    call_command(Command::new(program).args(args))
}

/// Runs a prepared command to its end, its output passed through; says how long a slow one took.
pub(crate) fn call_command(command: &mut Command) -> Result<()> {
    let begun = Instant::now();
    forget_own_package(command);
    let status = command.status().with_context(|| format!("starting {}", command_line(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", command_line(command));
    }
    if begun.elapsed().as_secs() >= 5 {
        eprintln!("   took {} s", begun.elapsed().as_secs());
    }
    Ok(())
}

/// Runs a program to its end and gives what it printed.
pub(crate) fn output_of(program: &str, args: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(args).stderr(Stdio::inherit());
    forget_own_package(&mut command);
    let output =
        command.output().with_context(|| format!("starting {}", command_line(&command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", command_line(&command), output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether a program of this name can be started.
pub(crate) fn is_installed(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// What cargo tells xtask of its own package. Some build scripts look at it, and would build everything
/// again that was built without xtask.
fn forget_own_package(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
}

fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
