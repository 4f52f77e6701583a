//! Where things are: the repository, and the folder that cargo builds into.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// All paths in xtask are from the repository's root, wherever it was called.
pub(crate) fn enter_repository() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is in a folder")?;
    env::set_current_dir(root).with_context(|| format!("entering {}", root.display()))
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
}
