//! Installs what is missing where that can be done, and says what to install where it can't.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use crate::shell::{call, finish, has, heading, read};

const WASM: &str = "wasm32-unknown-unknown";

/// The target that the web client is compiled for.
pub(crate) fn need_wasm_target() -> Result<()> {
    if !has("rustup") {
        return Ok(()); // Some other installation of Rust, which has it or says that it hasn't.
    }
    if !read("rustup", &["target", "list", "--installed"])?.contains(WASM) {
        heading("Installing the WebAssembly target");
        call("rustup", &["target", "add", WASM])?;
    }
    Ok(())
}

/// The library that moves a program's clock when it is loaded first.
pub(crate) fn need_faketime() -> Result<PathBuf> {
    let find = || {
        let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let mut files = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
        files.find(|file| file.is_file())
    };
    need_package(find().is_some(), "libfaketime", &["libfaketime"])?;
    find().context("libfaketime is installed and not found")
}

/// A Debian package that brings `program`.
pub(crate) fn need_package(
    program_is_there: bool,
    what_for: &str,
    packages: &[&str],
) -> Result<()> {
    if program_is_there {
        return Ok(());
    }
    let names = packages.join(" ");
    if !has("apt-get") || read("id", &["-u"])?.trim() != "0" {
        bail!("{what_for} is missing; on Debian: sudo apt-get install {names}");
    }
    heading(&format!("Installing {what_for}"));
    let apt_get = || {
        let mut apt_get = Command::new("apt-get");
        apt_get.env("DEBIAN_FRONTEND", "noninteractive");
        apt_get
    };
    finish(apt_get().args(["update", "-qq"]))?;
    finish(apt_get().args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages))
}
