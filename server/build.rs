//! Tells the program which commit it was built from, for `--version`.
//!
//! Only a release, or a program with the site, names its commit. Other programs would have to be
//! compiled again after each commit.

use std::{env, fs, path::Path, process::Command};

/// The files in the checkout that can make the program another one.
const SOURCES: [&str; 10] = [
    ".cargo",
    "Cargo.lock",
    "Cargo.toml",
    "entities",
    "ide",
    "migration",
    "rust-toolchain.toml",
    "schema.graphql",
    "server",
    "web",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ROWLOCK_COMMIT");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let has_site = env::var_os("CARGO_FEATURE_SITE").is_some();
    if !is_release && !has_site {
        return;
    }
    // A build without git, as in an image, is told the commit.
    let given = env::var("ROWLOCK_COMMIT").ok().filter(|commit| !commit.is_empty());
    if let Some(commit) = given.or_else(commit_of_checkout) {
        println!("cargo::rustc-env=ROWLOCK_VERSION={} ({commit})", env!("CARGO_PKG_VERSION"));
    }
}

/// The commit that is checked out, marked if files differ from it; `None` if this is no checkout.
fn commit_of_checkout() -> Option<String> {
    let root = fs::canonicalize("..").ok()?;
    // A copy of the sources within another project's checkout has no commit.
    let checkout = git(&["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(checkout).ok()? != root {
        return None;
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let sources = SOURCES.map(|source| format!("../{source}"));
    for source in &sources {
        watch(source);
    }
    // Git writes to one of these when another commit is checked out, or a commit is made.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]).unwrap_or_default();
    for file in ["HEAD", "logs/HEAD", "packed-refs", &branch] {
        watch(&git(&["rev-parse", "--git-path", file])?);
    }
    // Without optional locks, because git would otherwise write to its index.
    let status = ["--no-optional-locks", "status", "--porcelain", "--"];
    let changes = git(&[&status, &sources.each_ref().map(String::as_str)[..]].concat())?;
    Some(if changes.is_empty() { commit } else { format!("{commit}, modified") })
}

/// Runs this script again when a file or a folder changes. A missing file would count as changed.
fn watch(path: &str) {
    if Path::new(path).exists() {
        println!("cargo::rerun-if-changed={path}");
    }
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
