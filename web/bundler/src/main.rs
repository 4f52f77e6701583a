//! Makes the folder that `rowlock` serves: JavaScript bindings for the compiled client, names that
//! carry a hash of their content, and everything compressed once instead of at each request. Beside them is
//! the list of the client's operations, for a server that should run no others.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

/// Turn the compiled web client into the files that a browser loads.
#[derive(Parser)]
struct Args {
    /// The client as cargo compiled it for wasm32-unknown-unknown
    #[arg(long, value_name = "FILE")]
    wasm: PathBuf,
    /// Folder with index.html, start.js and the styles
    #[arg(long, value_name = "DIR")]
    pages: PathBuf,
    /// Folder to copy to `ide/`, as it is
    #[arg(long, value_name = "DIR")]
    ide: Option<PathBuf>,
    /// Folder to make anew
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if args.out.exists() {
        fs::remove_dir_all(&args.out)?;
    }
    let mut bundle = Bundle::new(&args.out)?;

    let mut bindings = Bindgen::new()
        .input_path(&args.wasm)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()
        .context("making the JavaScript bindings")?;
    // Such files would have to be written beside the bindings, which would import them.
    if bindings.js().contains("./snippets/") {
        bail!("a dependency brings JavaScript of its own, which this bundler does not place");
    }
    let wasm = bindings.wasm_mut().emit_wasm();
    bundle.add("app.wasm", &wasm)?;
    bundle.add("app.js", bindings.js().as_bytes())?;

    // In an order in which each names only those before it.
    for name in ["favicon.svg", "style.css", "start.js"] {
        let text = read(&args.pages.join(name))?;
        bundle.add(name, bundle.with_names(&text).as_bytes())?;
    }
    let page = read(&args.pages.join("index.html"))?;
    let page = bundle.with_names(&page);
    write_compressed(&args.out.join("index.html"), page.as_bytes(), Quality::Best)?;

    let operations: BTreeMap<String, String> = rowlock_web_operations::texts()
        .into_iter()
        .map(|text| (hex(&Sha256::digest(&text)), text))
        .collect();
    fs::write(args.out.join("operations.json"), serde_json::to_string_pretty(&operations)?)?;

    if let Some(ide) = &args.ide {
        copy_compressed(ide, &args.out.join("ide"))?;
    }
    bundle.report()
}

/// The hashed files so far.
struct Bundle<'a> {
    out: &'a Path,
    /// From the name in the sources to the path in the browser.
    names: BTreeMap<String, String>,
    bytes: usize,
}

impl<'a> Bundle<'a> {
    fn new(out: &'a Path) -> Result<Self> {
        fs::create_dir_all(out.join("assets"))
            .with_context(|| format!("making {}", out.display()))?;
        Ok(Self { out, names: BTreeMap::new(), bytes: 0 })
    }

    fn add(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let hash = hex(&Sha256::digest(content)[..6]);
        let (stem, extension) = name.split_once('.').context("a name has an extension")?;
        let path = format!("assets/{stem}-{hash}.{extension}");
        self.bytes += write_compressed(&self.out.join(&path), content, Quality::Best)?;
        self.names.insert(name.to_owned(), format!("/{path}"));
        Ok(())
    }

    /// The text with each `{{name}}` as the browser must ask for it.
    fn with_names(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, path)| {
            text.replace(&format!("{{{{{name}}}}}"), path)
        })
    }

    fn report(&self) -> Result<()> {
        writeln!(
            std::io::stdout(),
            "{}: {:.0} kB in brotli",
            self.out.display(),
            self.bytes as f64 / 1_000.0
        )?;
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}

fn copy_compressed(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_compressed(&entry.path(), &target)?;
        } else {
            write_compressed(&target, &fs::read(entry.path())?, Quality::Quick)?;
        }
    }
    Ok(())
}

/// How hard brotli tries.
#[derive(Clone, Copy)]
enum Quality {
    /// For what every visitor downloads.
    Best = 11,
    /// For what a few do: twenty times as quick, a tenth larger.
    Quick = 9,
}

/// Writes the file, and beside it the same in brotli; gives the latter's size.
fn write_compressed(file: &Path, content: &[u8], quality: Quality) -> Result<usize> {
    const WINDOW_BITS: u32 = 22;
    fs::write(file, content).with_context(|| format!("writing {}", file.display()))?;
    let mut compressed = Vec::new();
    brotli::CompressorWriter::new(&mut compressed, 64 * 1024, quality as u32, WINDOW_BITS)
        .write_all(content)?;
    let mut name = file.as_os_str().to_owned();
    name.push(".br");
    fs::write(&name, &compressed)?;
    Ok(compressed.len())
}
