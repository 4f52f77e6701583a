//! Builds the folder that `rowlock` serves to browsers: the compiled client with its JavaScript
//! bindings, the static files, and a brotli-compressed copy of each. The names of assets contain a
//! hash of their content. `operations.json` lists the client's operations for `ALLOWED_OPERATIONS`.

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

/// One of the client's programs.
struct Program {
    name: &'static str,
    /// The pages that use its files, each with the file that it is made from.
    pages: &'static [(&'static str, &'static str)],
    /// Its style sheets, which become one file.
    styles: &'static [&'static str],
}

const PROGRAMS: [Program; 3] = [
    Program {
        name: "buyer",
        // The second is that of texts such as help and terms, and loads no program.
        pages: &[("index.html", "index.html"), ("page.html", "page.html")],
        styles: &["style.css"],
    },
    Program {
        name: "bookings",
        pages: &[("bookings.html", "index.html")],
        styles: &["style.css", "bookings.css"],
    },
    Program {
        name: "organizer",
        pages: &[("organize.html", "index.html")],
        styles: &["style.css", "organize.css"],
    },
];

/// A dependency of Leptos exports these for streams of server functions. No program here has any,
/// and exports keep their code alive.
const UNUSED_CLASSES: &str = "IntoUnderlying";

/// Turn the compiled web client into the files that a browser loads.
#[derive(Parser)]
struct Args {
    /// Folder with the programs that cargo compiled for wasm32-unknown-unknown
    #[arg(long, value_name = "DIR")]
    programs: PathBuf,
    /// Folder with index.html and the files beside it
    #[arg(long, value_name = "DIR")]
    pages: PathBuf,
    /// Folder to copy to `ide/` under its own names
    #[arg(long, value_name = "DIR")]
    ide: Option<PathBuf>,
    /// Output folder, which is deleted first
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if args.out.exists() {
        fs::remove_dir_all(&args.out)?;
    }
    let mut bundle = Bundle::new(&args.out)?;

    let favicon = fs::read(args.pages.join("favicon.png")).context("reading favicon.png")?;
    bundle.add("favicon.png", &favicon)?;
    bundle.add("favicon.svg", read(&args.pages.join("favicon.svg"))?.as_bytes())?;
    for Program { name: program, pages, styles } in PROGRAMS {
        let styles: Result<String> =
            styles.iter().map(|name| read(&args.pages.join(name))).collect();
        bundle.add("style.css", without_css_comments(&styles?).as_bytes())?;
        bundle.add_program(program, &args.programs.join(format!("{program}.wasm")))?;
        // Ordered so that each file refers only to those before it.
        let start = bundle.with_asset_paths(&read(&args.pages.join("start.js"))?);
        bundle.add("start.js", start.as_bytes())?;
        for (page, source) in pages {
            let html = without_indentation(&read(&args.pages.join(source))?);
            let html = bundle.with_asset_paths(&html);
            // The server writes lines of its own into it, so a compressed copy would be of no use.
            fs::write(args.out.join(page), html).with_context(|| format!("writing {page}"))?;
        }
    }
    // Crawlers and devices ask for these under fixed names.
    for name in ["robots.txt", "apple-touch-icon.png"] {
        let file = args.pages.join(name);
        fs::copy(&file, args.out.join(name))
            .with_context(|| format!("copying {}", file.display()))?;
    }

    let operations: BTreeMap<String, String> = rowlock_web_operations::TEXTS
        .iter()
        .map(|text| (hex(&Sha256::digest(text)), (*text).to_owned()))
        .collect();
    fs::write(args.out.join("operations.json"), serde_json::to_string_pretty(&operations)?)?;

    if let Some(ide) = &args.ide {
        copy_compressed(ide, &args.out.join("ide"))?;
    }
    bundle.report()
}

/// The assets that have been written so far.
struct Bundle<'a> {
    out: &'a Path,
    /// The path in the browser, by the name in the sources.
    paths: BTreeMap<String, String>,
    /// The compressed size of all assets.
    bytes: usize,
}

impl<'a> Bundle<'a> {
    fn new(out: &'a Path) -> Result<Self> {
        fs::create_dir_all(out.join("assets"))
            .with_context(|| format!("creating {}", out.display()))?;
        Ok(Self { out, paths: BTreeMap::new(), bytes: 0 })
    }

    /// Adds a program and its bindings. Files that are added later refer to them as `app.wasm` and
    /// `app.js`.
    fn add_program(&mut self, program: &str, compiled: &Path) -> Result<()> {
        let mut bindings = Bindgen::new()
            .input_path(compiled)
            .web(true)?
            .typescript(false)
            .omit_default_module_path(true)
            .remove_name_section(true)
            .remove_producers_section(true)
            .generate_output()
            .with_context(|| format!("generating the JavaScript bindings of {program}"))?;
        // The bindings would import such files, and nothing here writes them.
        if bindings.js().contains("./snippets/") {
            bail!("a dependency has JavaScript snippets, which this bundler does not support");
        }
        let mut js = without_classes(bindings.js(), UNUSED_CLASSES);
        let wasm = bindings.wasm_mut();
        let unused = UNUSED_CLASSES.to_lowercase();
        let exports = wasm.exports.iter().filter(|export| export.name.contains(&unused));
        for export in exports.map(walrus::Export::id).collect::<Vec<_>>() {
            wasm.exports.delete(export);
        }
        walrus::passes::gc::run(wasm);
        for (number, import) in wasm.imports.iter_mut().enumerate() {
            shorten_name(&mut import.name, number, &mut js);
        }
        let wasm = wasm.emit_wasm();
        let js = without_comments(&js);
        for (extension, content) in [("wasm", &wasm[..]), ("js", js.as_bytes())] {
            let path = self.add(&format!("{program}.{extension}"), content)?;
            self.paths.insert(format!("app.{extension}"), path);
        }
        Ok(())
    }

    /// Adds a file and returns its path in the browser.
    fn add(&mut self, name: &str, content: &[u8]) -> Result<String> {
        let hash = hex(&Sha256::digest(content)[..6]);
        let (stem, extension) = name.split_once('.').context("a name has an extension")?;
        let path = format!("assets/{stem}-{hash}.{extension}");
        self.bytes += write_compressed(&self.out.join(&path), content, Quality::Best)?;
        let path = format!("/{path}");
        self.paths.insert(name.to_owned(), path.clone());
        Ok(path)
    }

    /// Replaces each `{{name}}` by the asset's path in the browser.
    fn with_asset_paths(&self, text: &str) -> String {
        self.paths.iter().fold(text.to_owned(), |text, (name, path)| {
            text.replace(&format!("{{{{{name}}}}}"), path)
        })
    }

    fn report(&self) -> Result<()> {
        writeln!(
            std::io::stdout(),
            "{}: {:.0} kB of assets, compressed",
            self.out.display(),
            self.bytes as f64 / 1_000.0
        )?;
        Ok(())
    }
}

/// The bindings without the classes whose names begin so, and without the statements for these.
fn without_classes(js: &str, prefix: &str) -> String {
    let is_of_class = |line: &str, begin: &str| {
        line.strip_prefix(begin).is_some_and(|name| name.starts_with(prefix))
    };
    let mut kept = String::with_capacity(js.len());
    let mut lines = js.lines();
    while let Some(line) = lines.next() {
        if is_of_class(line, "export class ") {
            let mut depth = depth_of(line);
            while depth > 0 {
                depth += lines.next().map_or(-depth, depth_of);
            }
        } else if is_of_class(line, "const ") || is_of_class(line, "if (Symbol.dispose) ") {
            let mut has_ended = line.ends_with(';');
            while !has_ended {
                has_ended = lines.next().is_none_or(|line| line.ends_with(';'));
            }
        } else {
            kept.extend([line, "\n"]);
        }
    }
    kept
}

/// How many more braces the line opens than it closes.
fn depth_of(line: &str) -> isize {
    line.chars().map(|sign| isize::from(sign == '{') - isize::from(sign == '}')).sum()
}

/// Gives a binding a short name, in the program and in its JavaScript. Its own ends with a hash, which
/// can't be compressed: together, they are two hundredths of the download.
fn shorten_name(name: &mut String, number: usize, js: &mut String) {
    const HASH_LEN: usize = 16;
    let hash = name.len().checked_sub(HASH_LEN).and_then(|start| name.get(start..));
    let has_hash = hash.is_some_and(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if has_hash && name.starts_with("__wbg_") {
        let short = format!("b{number}");
        *js = js.replace(name.as_str(), &short);
        *name = short;
    }
}

/// The bindings without comments and indentation. Their generator writes a comment on lines of its own.
fn without_comments(js: &str) -> String {
    let is_comment = |line: &&str| ["//", "/*", "*"].iter().any(|start| line.starts_with(start));
    let lines =
        js.lines().map(str::trim_start).filter(|line| !line.is_empty() && !is_comment(line));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// A style sheet without comments, and without blanks that mean nothing. None of its texts has the
/// signs of a comment, or of a rule's begin and end.
fn without_css_comments(css: &str) -> String {
    let mut rules = String::with_capacity(css.len());
    for (number, part) in css.split("/*").enumerate() {
        let rule =
            if number == 0 { part } else { part.split_once("*/").map_or("", |(_, rule)| rule) };
        rules.push_str(rule);
    }
    without_indentation(&rules).replace(" {\n", "{").replace(";\n}", "}").replace(";\n", ";")
}

fn without_indentation(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
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
            write_compressed(&target, &fs::read(entry.path())?, Quality::Fast)?;
        }
    }
    Ok(())
}

/// Brotli's quality level.
#[derive(Clone, Copy)]
enum Quality {
    /// For files that every visitor downloads.
    Best = 11,
    /// For files that few visitors download. It is twenty times as fast, and the result a tenth
    /// larger.
    Fast = 9,
}

/// Writes the file and a brotli-compressed copy beside it. Returns the size of the copy.
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
