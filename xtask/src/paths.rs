//! Paths: the repository, and the folder that cargo builds into.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Makes the repository's root the current folder. All relative paths in xtask start there.
///
/// cargo passes a package's folder to the programs that it runs. Without cargo, this looks for the
/// repository around the current folder. The path must not be compiled in: a copied or moved
/// checkout would then work on the files of the old one.
pub(crate) fn enter_repository() -> Result<()> {
    let start = match env::var_os("CARGO_MANIFEST_DIR") {
        Some(package) => PathBuf::from(package),
        None => env::current_dir()?,
    };
    let root = workspace_around(&start)
        .with_context(|| format!("{} is not inside of Rowlock's repository", start.display()))?;
    env::set_current_dir(root).with_context(|| format!("entering {}", root.display()))
}

/// The innermost workspace that contains a folder.
fn workspace_around(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        manifest.lines().any(|line| line == "[workspace]")
    })
}

/// The folder that cargo builds into.
pub(crate) fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_checkout_is_its_own_repository() {
        let copy = tempfile::tempdir().unwrap();
        let package = copy.path().join("xtask");
        fs::create_dir_all(package.join("src")).unwrap();
        fs::write(copy.path().join("Cargo.toml"), "[workspace]\nmembers = [\"xtask\"]\n").unwrap();
        fs::write(package.join("Cargo.toml"), "[package]\nname = \"xtask\"\n").unwrap();
        for start in [copy.path(), &package, &package.join("src")] {
            assert_eq!(workspace_around(start), Some(copy.path()), "{}", start.display());
        }
    }

    #[test]
    fn a_folder_outside_of_any_repository_has_none() {
        let outside = tempfile::tempdir().unwrap();
        assert_eq!(workspace_around(outside.path()), None);
    }
}
