//! Installs missing programs, or says what to install.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use crate::shell::{call, call_command, heading, is_installed, output_of};

const WASM: &str = "wasm32-unknown-unknown";

/// Installs the target that the web client is compiled for.
pub(crate) fn ensure_wasm_target() -> Result<()> {
    if !is_installed("rustup") {
        return Ok(()); // Rust came another way, and reports it if the target is missing.
    }
    if !output_of("rustup", &["target", "list", "--installed"])?.contains(WASM) {
        heading("Installing the WebAssembly target");
        call("rustup", &["target", "add", WASM])?;
    }
    Ok(())
}

/// The library that changes a program's clock when it is preloaded.
pub(crate) fn ensure_faketime() -> Result<PathBuf> {
    let find = || {
        let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let mut files = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
        files.find(|file| file.is_file())
    };
    ensure_package(find().is_some(), "libfaketime", &["libfaketime"])?;
    find().context("libfaketime is installed, but was not found")
}

/// Installs Debian packages, unless their programs are present.
pub(crate) fn ensure_package(is_present: bool, name: &str, packages: &[&str]) -> Result<()> {
    if is_present {
        return Ok(());
    }
    let names = packages.join(" ");
    if !is_installed("apt-get") || output_of("id", &["-u"])?.trim() != "0" {
        bail!("{name} is missing. On Debian, run: sudo apt-get install {names}");
    }
    heading(&format!("Installing {name}"));
    let apt_get = || {
        let mut apt_get = Command::new("apt-get");
        apt_get.env("DEBIAN_FRONTEND", "noninteractive");
        apt_get
    };
    call_command(apt_get().args(["update", "-qq"]))?;
    call_command(apt_get().args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages))
}
