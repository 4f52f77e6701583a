//! Collects the files of the packages: the program, those that it writes, and those that the
//! repository keeps for it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::{Context, Result};

use super::licences::third_party_licences;
use crate::shell::{call, call_command, output_of};

/// The shells that get completions, and the names of their files.
pub(super) const COMPLETIONS: [(&str, &str); 3] =
    [("bash", "rowlock.bash"), ("zsh", "_rowlock"), ("fish", "rowlock.fish")];

/// Puts everything that the tarball has into a folder.
pub(super) fn collect(program: &Path, target: &str, folder: &Path) -> Result<()> {
    for subfolder in ["completions", "man", "systemd", "deploy", "docs/benchmarks"] {
        fs::create_dir_all(folder.join(subfolder))?;
    }
    let own_program = folder.join("rowlock");
    copy(program, &own_program)?;
    call_command(Command::new("strip").arg(&own_program))?;
    let rowlock = own_program.to_string_lossy();
    for (shell, file) in COMPLETIONS {
        let script = output_of(&rowlock, &["completions", shell])?;
        fs::write(folder.join("completions").join(file), script)?;
    }
    call(&rowlock, &["man", &folder.join("man").to_string_lossy()])?;
    copy(Path::new("deploy/rowlock.service"), &folder.join("systemd/rowlock.service"))?;
    copy(Path::new("deploy/rowlock.env"), &folder.join("systemd/rowlock.env"))?;
    copy(Path::new("web/dist/operations.json"), &folder.join("operations.json"))?;
    copy(Path::new("LICENSE"), &folder.join("LICENSE"))?;
    // The pages link to these.
    for file in ["schema.graphql", "deploy/alerts.yml", "deploy/grafana.json", "deploy/update.sh"] {
        copy(Path::new(file), &folder.join(file))?;
    }
    // The pages refer to each other.
    for pages in [".", "docs", "docs/benchmarks"] {
        for page in fs::read_dir(pages)? {
            let page = page?.path();
            let is_page = page.extension().is_some_and(|extension| {
                extension == "md" || pages != "." && ["svg", "png"].iter().any(|e| extension == *e)
            });
            if is_page {
                copy(&page, &folder.join(&page))?;
            }
        }
    }
    fs::write(folder.join("THIRD-PARTY-LICENSES.txt"), third_party_licences(target)?)?;
    Ok(())
}

/// Copies a file, which everybody may then read, whatever the checkout's files allow.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    let copying = || format!("copying {} to {}", from.display(), to.display());
    fs::copy(from, to).with_context(copying)?;
    let is_program = fs::metadata(to)?.permissions().mode() & 0o100 != 0;
    let mode = if is_program { 0o755 } else { 0o644 };
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).with_context(copying)
}
