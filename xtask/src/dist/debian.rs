//! The package for Debian and its derivatives.
//!
//! dpkg-deb is called directly, because the package has a dozen files and needs nothing of what
//! cargo-deb adds.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::contents::{COMPLETIONS, copy};
use crate::shell::{call_command, output_of};

/// The folders for each shell's completions.
const COMPLETION_FOLDERS: [&str; 3] = [
    "usr/share/bash-completion/completions",
    "usr/share/zsh/vendor-completions",
    "usr/share/fish/vendor_completions.d",
];

const DOCUMENTATION: &str = "usr/share/doc/rowlock";
const SETTINGS: &str = "etc/rowlock/rowlock.env";
const UNIT: &str = "usr/lib/systemd/system/rowlock.service";

/// Makes a package from the tarball's folder. Returns its file in `out`.
pub(super) fn package(folder: &Path, version: &str, out: &Path) -> Result<PathBuf> {
    let root = out.join("debian");
    install(folder, &root)?;
    let architecture = output_of("dpkg", &["--print-architecture"])?;
    let architecture = architecture.trim();
    write_control(&root, version, architecture)?;

    let package = out.join(format!("rowlock_{version}_{architecture}.deb"));
    let mut build = Command::new("dpkg-deb");
    // zstd is not known to Debian 11 and older.
    build.args(["--root-owner-group", "-Zxz", "-z2", "--build"]).args([&root, &package]);
    call_command(&mut build)?;
    fs::remove_dir_all(root)?;
    Ok(package)
}

/// Puts the files where Debian has them.
fn install(folder: &Path, root: &Path) -> Result<()> {
    let install = |from: &str, to: &str| {
        let to = root.join(to);
        fs::create_dir_all(to.parent().context("the file has a folder")?)?;
        copy(&folder.join(from), &to)
    };
    install("rowlock", "usr/bin/rowlock")?;
    install("operations.json", "usr/share/rowlock/operations.json")?;
    install("systemd/rowlock.service", UNIT)?;
    // A program that somebody put into /usr/local/bin must not take its place.
    let unit = fs::read_to_string(root.join(UNIT))?;
    fs::write(root.join(UNIT), unit.replace("=rowlock ", "=/usr/bin/rowlock "))?;
    install("systemd/rowlock.env", SETTINGS)?;
    // It may hold secrets.
    fs::set_permissions(root.join(SETTINGS), fs::Permissions::from_mode(0o600))?;
    for ((shell, file), completions) in COMPLETIONS.into_iter().zip(COMPLETION_FOLDERS) {
        // bash looks for the name of the program.
        let installed = if shell == "bash" { "rowlock" } else { file };
        install(&format!("completions/{file}"), &format!("{completions}/{installed}"))?;
    }
    for page in fs::read_dir(folder.join("man"))? {
        let page = page?.file_name();
        let page = page.to_string_lossy();
        let installed = format!("usr/share/man/man1/{page}");
        install(&format!("man/{page}"), &installed)?;
        compress(&root.join(installed))?;
    }
    install("LICENSE", &format!("{DOCUMENTATION}/copyright"))?;
    install("THIRD-PARTY-LICENSES.txt", &format!("{DOCUMENTATION}/THIRD-PARTY-LICENSES.txt"))?;
    install("CHANGELOG.md", &format!("{DOCUMENTATION}/changelog"))?;
    compress(&root.join(DOCUMENTATION).join("changelog"))
}

/// Compresses a file as Debian wants it, without its name and time.
fn compress(file: &Path) -> Result<()> {
    call_command(Command::new("gzip").args(["-9n"]).arg(file))
}

/// Writes what dpkg knows about the package, and the scripts that it runs.
fn write_control(root: &Path, version: &str, architecture: &str) -> Result<()> {
    let control = root.join("DEBIAN");
    fs::create_dir_all(&control)?;
    let glibc = needed_glibc(&fs::read(root.join("usr/bin/rowlock"))?)?;
    let bytes = output_of("du", &["-sk", "--apparent-size", &root.to_string_lossy()])?;
    let kibibytes = bytes.split_whitespace().next().context("du prints a size")?;
    let fields = format!(
        "Package: rowlock\n\
         Version: {version}\n\
         Architecture: {architecture}\n\
         Maintainer: The Rowlock maintainers <maintainers@rowlock.invalid>\n\
         Installed-Size: {kibibytes}\n\
         Depends: libc6 (>= {glibc}), libgcc-s1\n\
         Recommends: ca-certificates\n\
         Suggests: postgresql\n\
         Section: web\n\
         Priority: optional\n\
         Description: event booking that never oversells\n \
         A server with a GraphQL API and a web client, over SQLite or PostgreSQL.\n \
         Everybody who watches an event sees at once how many tickets are left.\n"
    );
    fs::write(control.join("control"), fields)?;
    fs::write(control.join("conffiles"), format!("/{SETTINGS}\n"))?;
    for script in ["postinst", "prerm", "postrm"] {
        copy(&Path::new("deploy/debian").join(script), &control.join(script))?;
        fs::set_permissions(control.join(script), fs::Permissions::from_mode(0o755))?;
    }
    let sums = "find usr -type f -print0 | sort -z | xargs -0 md5sum > DEBIAN/md5sums";
    call_command(Command::new("sh").args(["-c", sums]).current_dir(root))
}

/// The lowest version of glibc that the program runs with, from the names of the versions that its
/// dynamic symbols have.
fn needed_glibc(program: &[u8]) -> Result<String> {
    const PREFIX: &[u8] = b"GLIBC_2.";
    let minor_versions = program.windows(PREFIX.len() + 2).filter_map(|window| {
        let digits = window.strip_prefix(PREFIX)?;
        let digits = digits.split(|byte| !byte.is_ascii_digit()).next()?;
        str::from_utf8(digits).ok()?.parse::<u32>().ok()
    });
    let newest = minor_versions.max().context("the program needs no glibc")?;
    Ok(format!("2.{newest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_symbol_decides_which_glibc_is_needed() {
        let program = b"\0GLIBC_2.4\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE\0";
        assert_eq!(needed_glibc(program).unwrap(), "2.34");
        assert!(needed_glibc(b"\0musl\0").is_err());
    }
}
