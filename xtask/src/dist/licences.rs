//! The licences of everything that the program contains: the server's crates, the web client's, and
//! the IDEs' packages.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{shell::output_of, web};

/// A crate or a package of npm.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Work {
    name: String,
    /// The licence as its author declares it.
    licence: String,
    folder: PathBuf,
}

/// Lists all works with their licences, and then each text with the works that it is for.
pub(super) fn third_party_licences(target: &str) -> Result<String> {
    let mut works = crates("rowlock", target)?;
    works.extend(crates("rowlock-web", "wasm32-unknown-unknown")?);
    for folder in web::ide_packages()? {
        works.insert(npm_package(folder)?);
    }
    let mut texts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut list = "Rowlock contains these works, under their own licences.\n\n".to_owned();
    for work in &works {
        let own = licence_texts(&work.folder)?;
        // The declared licence then stands for the text.
        let remark = if own.is_empty() { ", of which its package has no copy" } else { "" };
        writeln!(list, "{}: {}{remark}", work.name, work.licence)?;
        for text in own {
            texts.entry(text).or_default().push(&work.name);
        }
    }
    for (text, names) in texts {
        write!(list, "\n{}\n{}\n\n{text}\n", "-".repeat(80), names.join(", "))?;
    }
    Ok(list)
}

/// The crates that a package of the workspace is made of.
fn crates(package: &str, target: &str) -> Result<BTreeSet<Work>> {
    let mut args = vec!["metadata", "--format-version", "1", "--locked"];
    args.extend(["--features", "rowlock/site", "--filter-platform", target]);
    let metadata: Value = serde_json::from_str(&output_of("cargo", &args)?)?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> = list(&metadata["packages"])
        .into_iter()
        .map(|package| (text(&package["id"]), package))
        .collect();
    let nodes: BTreeMap<String, Value> = list(&metadata["resolve"]["nodes"])
        .into_iter()
        .map(|node| (text(&node["id"]), node))
        .collect();
    let (root, _) = packages
        .iter()
        .find(|(_, found)| found["name"] == package)
        .with_context(|| format!("the workspace has no package {package}"))?;

    let (mut reached, mut open) = (BTreeSet::new(), vec![root.clone()]);
    while let Some(id) = open.pop() {
        if !reached.insert(id.clone()) {
            continue;
        }
        let dependencies = list(&nodes[&id]["deps"]).into_iter().filter(|dependency| {
            // What only builds or tests the crate is not part of it.
            list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null())
        });
        open.extend(dependencies.map(|dependency| text(&dependency["pkg"])));
    }
    let works = reached.iter().map(|id| &packages[id]).filter(|package| {
        // The others are Rowlock's own.
        !package["source"].is_null()
    });
    let works = works.map(|package| Work {
        name: format!("{} {}", text(&package["name"]), text(&package["version"])),
        licence: package["license"].as_str().unwrap_or("see its text").to_owned(),
        folder: Path::new(&text(&package["manifest_path"])).with_file_name(""),
    });
    Ok(works.collect())
}

fn npm_package(folder: PathBuf) -> Result<Work> {
    let manifest = folder.join("package.json");
    let manifest =
        fs::read_to_string(&manifest).with_context(|| format!("reading {}", manifest.display()))?;
    let manifest: Value = serde_json::from_str(&manifest)?;
    let text = |field: &str| manifest[field].as_str().unwrap_or_default();
    Ok(Work {
        name: format!("{} {} (npm)", text("name"), text("version")),
        licence: manifest["license"].as_str().unwrap_or("see its text").to_owned(),
        folder,
    })
}

/// The licences' texts in a folder.
fn licence_texts(folder: &Path) -> Result<Vec<String>> {
    const STARTS: [&str; 5] = ["licence", "license", "copying", "notice", "thirdparty"];
    let mut texts = Vec::new();
    let files = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for file in files {
        let file = file?;
        let name = file.file_name().to_string_lossy().to_lowercase();
        if !STARTS.iter().any(|start| name.starts_with(start)) {
            continue;
        }
        if file.file_type()?.is_dir() {
            for file in fs::read_dir(file.path())? {
                texts.push(licence_text(&file?.path())?);
            }
        } else {
            texts.push(licence_text(&file.path())?);
        }
    }
    Ok(texts)
}

fn licence_text(file: &Path) -> Result<String> {
    let text = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(String::from_utf8_lossy(&text).replace('\r', "").trim_matches('\n').to_owned())
}
