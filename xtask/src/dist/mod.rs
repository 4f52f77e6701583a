//! Packages the program for installation: as a tarball, and for Debian.
//!
//! The program has the site in it, so it runs without any of the other files.

mod contents;
mod debian;
mod licences;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    paths::target_folder,
    shell::{call, call_command, heading, is_installed, output_of},
    tools::ensure_package,
    web::{self, Ides},
};

/// Builds everything with optimisations, and packages it into `dist` in cargo's folder.
pub(crate) fn dist() -> Result<()> {
    web::build(Ides::Required)?;
    heading("Building the program with the site");
    call("cargo", &["build", "--release", "-p", "rowlock", "--features", "site"])?;
    let target = target_folder();
    for package in package(&target.join("release/rowlock"), &target.join("dist"))? {
        println!("{}", package.display());
    }
    Ok(())
}

/// Packages a program that was built with the site. `out` is emptied first. Returns the packages.
pub(crate) fn package(program: &Path, out: &Path) -> Result<Vec<PathBuf>> {
    ensure_package(is_installed("dpkg-deb"), "dpkg-deb", &["dpkg"])?;
    heading("Packaging");
    if out.exists() {
        fs::remove_dir_all(out)?;
    }
    let version = version_of(program)?;
    let target = host_target()?;
    let name = format!("rowlock-{version}-{target}");
    let folder = out.join(&name);
    contents::collect(program, &target, &folder)?;

    let tarball = format!("{name}.tar.gz");
    let mut tar = Command::new("tar");
    tar.current_dir(out).args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    call_command(tar.args(["-czf", &tarball, &name]))?;
    let package = debian::package(&folder, &version, out)?;
    fs::remove_dir_all(folder)?;
    Ok(vec![out.join(tarball), package])
}

/// The version that the program prints, without its commit.
fn version_of(program: &Path) -> Result<String> {
    let printed = output_of(&program.to_string_lossy(), &["--version"])?;
    printed.split_whitespace().nth(1).map(str::to_owned).context("the program has no version")
}

/// The target that rustc compiles for by default.
fn host_target() -> Result<String> {
    let printed = output_of("rustc", &["-vV"])?;
    let host = printed.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc names no host")
}
