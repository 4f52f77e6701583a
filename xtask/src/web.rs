//! Builds the files for browsers: the web client, and two IDEs from npm.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    npm::{self, Package, ensure_npm},
    paths::target_folder,
    shell::{call, call_command, heading},
    tools::ensure_wasm_target,
};

const PLAYGROUND: Package = Package {
    name: "graphql-playground-react",
    version: "1.7.28",
    integrity: "sha512-YPR33Ph9kuKlFOMpc8mKGsL/fOiX0ltgzV1BokXYNsBLtTVQnhdCSKQuZg80CcxWKD8syNuWXDkGZSAdFkwmRg==",
};

/// The bundles that GraphiQL's page loads: its own code, and its editor's workers.
const GRAPHIQL: [&str; 4] = [
    "main.js",
    "editor=monaco-editor/esm/vs/editor/editor.worker.js",
    "json=monaco-editor/esm/vs/language/json/json.worker.js",
    "graphql=monaco-graphql/esm/graphql.worker.js",
];

/// Whether the build fails when the IDEs can't be built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ides {
    Required,
    Optional,
}

/// Builds everything into web/dist.
pub(crate) fn build(wanted: Ides) -> Result<()> {
    ensure_wasm_target()?;
    heading("Building the web client");
    let target = "wasm32-unknown-unknown";
    call("cargo", &["build", "-p", "rowlock-web", "--profile", "wasm", "--target", target])?;

    let ide = match assemble_ide() {
        Ok(ide) => Some(ide),
        Err(error) if wanted == Ides::Optional => {
            eprintln!(
                "   /playground and /graphiql will be missing, as their build failed: {error:#}"
            );
            None
        }
        Err(error) => return Err(error),
    };
    let programs = target_folder().join(target).join("wasm");
    let mut args = vec!["run", "--quiet", "-p", "rowlock-web-bundler", "--"];
    let programs = programs.to_string_lossy();
    args.extend(["--programs", &programs, "--pages", "web/static", "--out", "web/dist"]);
    let ide = ide.as_ref().map(|ide| ide.to_string_lossy());
    if let Some(ide) = &ide {
        args.extend(["--ide", ide]);
    }
    call("cargo", &args)
}

/// The folders of the packages that the IDEs consist of. They must have been built.
pub(crate) fn ide_packages() -> Result<Vec<PathBuf>> {
    let graphiql = target_folder().join("graphiql");
    let mut folders = npm::shipped_packages(&graphiql)?;
    folders.push(PLAYGROUND.fetch()?);
    Ok(folders)
}

/// Collects the IDEs' pages and the files of their packages.
fn assemble_ide() -> Result<PathBuf> {
    let ide = std::path::absolute(target_folder())?.join("ide");
    if ide.exists() {
        fs::remove_dir_all(&ide)?;
    }
    assemble_playground(&ide.join("playground"))?;
    bundle_graphiql(&ide.join("graphiql"))?;
    Ok(ide)
}

fn assemble_playground(playground: &Path) -> Result<()> {
    let package = PLAYGROUND.fetch()?;
    fs::create_dir_all(playground)?;
    for entry in fs::read_dir("ide/playground")? {
        let entry = entry?;
        fs::copy(entry.path(), playground.join(entry.file_name()))?;
    }
    // Both IDEs open with the same tabs.
    fs::copy("ide/graphiql/first-tabs.js", playground.join("first-tabs.js"))?;
    for file in ["static/js/middleware.js", "static/css/middleware.css", "favicon.png"] {
        let from = package.join("build").join(file);
        let name = Path::new(file).file_name().context("the file has no name")?;
        fs::copy(&from, playground.join(name))
            .with_context(|| format!("copying {}", from.display()))?;
    }
    Ok(())
}

fn bundle_graphiql(graphiql: &Path) -> Result<()> {
    ensure_npm()?;
    let package = npm::install(Path::new("ide/graphiql"))?;
    heading("Bundling GraphiQL");
    let mut esbuild = Command::new(package.join("node_modules/.bin/esbuild"));
    esbuild.current_dir(&package).args(GRAPHIQL).args([
        "--bundle",
        "--minify",
        "--format=esm",
        "--splitting",
        "--loader:.ttf=file",
        "--define:process.env.NODE_ENV=\"production\"",
        "--log-level=warning",
    ]);
    call_command(esbuild.arg(format!("--outdir={}", graphiql.display())))?;
    for page in ["index.html", "page.css"] {
        fs::copy(package.join(page), graphiql.join(page))?;
    }
    Ok(())
}
