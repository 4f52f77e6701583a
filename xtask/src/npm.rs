//! Installs packages from npm at fixed versions, checked against their hashes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    paths::target_folder,
    shell::{call, call_command, heading, is_installed, output_of},
};

const LOCK: &str = "package-lock.json";

/// # Errors
/// If npm is not installed.
pub(crate) fn ensure_npm() -> Result<()> {
    if !is_installed("npm") {
        bail!("npm is missing. Install Node.js, which includes it.");
    }
    Ok(())
}

/// Copies a folder, and installs what its package-lock.json lists. Returns the copy.
pub(crate) fn install(folder: &Path) -> Result<PathBuf> {
    let name = folder.file_name().context("the folder has no name")?;
    let copy = std::path::absolute(target_folder())?.join(name);
    let is_installed = fs::read(copy.join(LOCK)).ok() == fs::read(folder.join(LOCK)).ok()
        && copy.join("node_modules/.package-lock.json").is_file();
    fs::create_dir_all(&copy)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        fs::copy(entry.path(), copy.join(entry.file_name()))?;
    }
    if !is_installed {
        heading(&format!("Installing {}", name.display()));
        // Packages may not run scripts while they are installed.
        let flags = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        call_command(Command::new("npm").args(flags).current_dir(&copy))?;
    }
    Ok(copy)
}

/// The folders of the packages that were installed into a folder, without those that only build it.
pub(crate) fn shipped_packages(folder: &Path) -> Result<Vec<PathBuf>> {
    let lock: Value = serde_json::from_str(&fs::read_to_string(folder.join(LOCK))?)?;
    let packages = lock["packages"].as_object().context("the lock file lists no packages")?;
    let is_shipped =
        |entry: &Value| entry["dev"] != Value::Bool(true) && entry["optional"] != Value::Bool(true);
    let shipped = packages.iter().filter(|(path, entry)| !path.is_empty() && is_shipped(entry));
    Ok(shipped.map(|(path, _)| folder.join(path)).collect())
}

/// A version of a package without dependencies.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// The hash of its archive, as npm writes it.
    pub(crate) integrity: &'static str,
}

impl Package {
    /// Downloads the package unless that was done before, and returns its folder.
    pub(crate) fn fetch(&self) -> Result<PathBuf> {
        let Self { name, version, integrity } = self;
        let folder = target_folder().join(format!("{name}-{version}"));
        let package = folder.join("package");
        if package.is_dir() {
            return Ok(package);
        }
        ensure_npm()?;
        heading(&format!("Fetching {name} {version}"));
        let download = folder.with_extension("download");
        fs::create_dir_all(&download)?;
        let spec = format!("{name}@{version}");
        let into = download.to_string_lossy();
        let report = output_of("npm", &["pack", &spec, "--json", "--pack-destination", &into])?;
        if !report.contains(integrity) {
            bail!("{spec} has changed: its hash is not {integrity}");
        }
        let archive = download.join(format!("{name}-{version}.tgz"));
        call("tar", &["-xzf", &archive.to_string_lossy(), "-C", &into])?;
        fs::remove_file(archive)?;
        fs::rename(&download, &folder)?;
        Ok(package)
    }
}
