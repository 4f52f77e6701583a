//! Calls other programs. Errors have the command line.

use std::{
    env, io,
    net::TcpListener,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};

/// Prints what comes next.
pub(crate) fn heading(text: &str) {
    eprintln!("\n── {text}");
}

/// Runs a program, and passes its output through.
pub(crate) fn call(program: &str, args: &[&str]) -> Result<()> {
    call_command(Command::new(program).args(args))
}

/// Runs a command, and passes its output through. Prints the time if it took long.
pub(crate) fn call_command(command: &mut Command) -> Result<()> {
    let started = Instant::now();
    forget_own_package(command);
    let status = command.status().with_context(|| format!("starting {}", command_line(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", command_line(command));
    }
    if started.elapsed().as_secs() >= 5 {
        eprintln!("   took {} s", started.elapsed().as_secs());
    }
    Ok(())
}

/// Runs a program and returns its standard output.
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

/// A port of this machine that nobody uses. Binding finds it.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Whether a program is on the PATH.
pub(crate) fn is_installed(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Removes the variables that describe xtask's own package. Some build scripts depend on them, so
/// that cargo would rebuild what was built without xtask.
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
