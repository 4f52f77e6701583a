//! Builds what `rowlock` serves to browsers: the web client, and the IDE as its makers publish it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    npm::Package,
    shell::{call, heading},
    tools::need_wasm_target,
};

const PLAYGROUND: Package = Package {
    name: "graphql-playground-react",
    version: "1.7.28",
    integrity: "sha512-YPR33Ph9kuKlFOMpc8mKGsL/fOiX0ltgzV1BokXYNsBLtTVQnhdCSKQuZg80CcxWKD8syNuWXDkGZSAdFkwmRg==",
};

/// Whether a build without GraphQL Playground counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ide {
    Required,
    IfItCanBeHad,
}

/// Everything into web/dist.
pub(crate) fn build(wanted: Ide) -> Result<()> {
    need_wasm_target()?;
    heading("Building the web client");
    let target = "wasm32-unknown-unknown";
    call("cargo", &["build", "-p", "rowlock-web", "--profile", "wasm", "--target", target])?;

    let ide = match assemble_ide() {
        Ok(ide) => Some(ide),
        Err(error) if wanted == Ide::IfItCanBeHad => {
            eprintln!("   without GraphQL Playground, /playground will be empty: {error:#}");
            None
        }
        Err(error) => return Err(error),
    };
    let wasm = target_folder().join(target).join("wasm/rowlock-web.wasm");
    let mut args = vec!["run", "--quiet", "-p", "rowlock-web-bundler", "--"];
    let wasm = wasm.to_string_lossy();
    args.extend(["--wasm", &wasm, "--pages", "web/static", "--out", "web/dist"]);
    let ide = ide.as_ref().map(|ide| ide.to_string_lossy());
    if let Some(ide) = &ide {
        args.extend(["--ide", ide]);
    }
    call("cargo", &args)
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
}

/// The IDE's pages with the package's files beside them.
fn assemble_ide() -> Result<PathBuf> {
    let package = PLAYGROUND.fetch()?;
    let ide = target_folder().join("ide");
    if ide.exists() {
        fs::remove_dir_all(&ide)?;
    }
    let playground = ide.join("playground");
    fs::create_dir_all(&playground)?;
    for entry in fs::read_dir("ide/playground")? {
        let entry = entry?;
        fs::copy(entry.path(), playground.join(entry.file_name()))?;
    }
    for file in ["static/js/middleware.js", "static/css/middleware.css", "favicon.png"] {
        let from = package.join("build").join(file);
        let name = Path::new(file).file_name().context("a file has a name")?;
        fs::copy(&from, playground.join(name))
            .with_context(|| format!("copying {}", from.display()))?;
    }
    Ok(ide)
}
