//! Checks that modules import each other in one direction only.
//!
//! The entries of each folder (its files and subfolders) must have an order in which each imports
//! only later ones. Then a reader can understand the lower ones without the others.

mod graph;
mod modules;
mod source;

use std::{
    env,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use self::{
    graph::{Circle, Folder},
    modules::{Import, Modules, Root},
};
use crate::shell::output_of;

/// Folders whose entries may import each other, and why.
const MAY_BE_CIRCULAR: [(&str, &str); 2] = [
    ("entities/src", "a relation between two tables is declared in both of them"),
    ("server/src/graphql", "the schema's types refer to each other, as events and bookings do"),
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also print which entries of each folder import which, with an example of an import
    #[arg(long)]
    graph: bool,
}

pub(crate) fn layers(args: &Args) -> Result<()> {
    check(args.graph)
}

/// Checks all packages of the workspace, and prints their layers.
pub(crate) fn check(with_graph: bool) -> Result<()> {
    let (mut report, mut circles) = (String::new(), Vec::new());
    for package in packages()? {
        let checked = package.check(|file| fs::read_to_string(file).ok())?;
        report += &format!("{}\n", checked.layers);
        if with_graph {
            report += &format!("{}\n", checked.graph);
        }
        circles.extend(checked.circles);
    }
    // The reader may have closed the pipe, as `head` does.
    let _ = std::io::stdout().write_all(report.as_bytes());
    if circles.is_empty() {
        return Ok(());
    }
    bail!(
        "modules import each other in circles:\n\n{}\n\
         Move what both sides need into a module below them.",
        circles.join("\n")
    );
}

/// The crates of one package.
struct Package {
    /// Relative to the repository.
    folder: PathBuf,
    roots: Vec<Root>,
}

/// The results for one package, as text.
struct Checked {
    layers: String,
    graph: String,
    /// A text for each circle.
    circles: Vec<String>,
}

/// All packages of the workspace.
fn packages() -> Result<Vec<Package>> {
    let metadata = output_of("cargo", &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let repository = env::current_dir()?;
    let relative = |path: &Value| -> Result<PathBuf> {
        let path = Path::new(path.as_str().context("cargo metadata has a path")?);
        Ok(path.strip_prefix(&repository).unwrap_or(path).to_owned())
    };
    let list = |value: &Value| value.as_array().cloned().context("cargo metadata has a list");
    let mut packages = Vec::new();
    for package in list(&metadata["packages"])? {
        let manifest = relative(&package["manifest_path"])?;
        let mut roots = Vec::new();
        for target in list(&package["targets"])? {
            let is_library = list(&target["kind"])?.contains(&"lib".into());
            if is_library || list(&target["kind"])?.contains(&"bin".into()) {
                let name = target["name"].as_str().unwrap_or_default().replace('-', "_");
                let library_name = is_library.then_some(name);
                roots.push(Root { file: relative(&target["src_path"])?, library_name });
            }
        }
        let folder = manifest.parent().unwrap_or(Path::new("")).to_owned();
        packages.push(Package { folder, roots });
    }
    Ok(packages)
}

impl Package {
    fn check(&self, read: impl Fn(&Path) -> Option<String>) -> Result<Checked> {
        let modules = Modules::load(&self.roots, read)?;
        let (mut graph, mut circles, mut layers) = (String::new(), Vec::new(), String::new());
        for (path, folder) in graph::folders(&modules.places(), &modules.imports()) {
            let name: PathBuf = [self.folder.as_path(), Path::new("src")]
                .into_iter()
                .chain(path.iter().map(Path::new))
                .collect();
            describe_edges(&name, &folder, &mut graph);
            if let Some((_, why)) =
                MAY_BE_CIRCULAR.iter().find(|(folder, _)| Path::new(folder) == name)
            {
                if path.is_empty() {
                    layers = format!("in no order, as {why}");
                }
                continue;
            }
            let found = folder.circles();
            if path.is_empty() && found.is_empty() {
                let order =
                    folder.layers().iter().map(|layer| layer.join(", ")).collect::<Vec<_>>();
                layers = order.join(" > ");
            }
            circles.extend(found.iter().map(|circle| describe_circle(&name, &folder, circle)));
        }
        if !circles.is_empty() {
            let plural = if circles.len() == 1 { "" } else { "s" };
            let space = if layers.is_empty() { "" } else { " " };
            layers += &format!("{space}({} circle{plural})", circles.len());
        }
        Ok(Checked { layers: format!("{}: {layers}", self.folder.display()), graph, circles })
    }
}

fn describe_edges(name: &Path, folder: &Folder, text: &mut String) {
    // Leave out modules that a crate's root only declares.
    let is_used =
        |imports: &[Import]| imports.iter().any(|import| !import.path.starts_with("mod "));
    let edges = folder.edges.iter().filter(|(_, imports)| is_used(imports));
    let edges: Vec<_> =
        edges.map(|((from, to), imports)| (format!("{from} -> {to}"), imports)).collect();
    let Some(width) = edges.iter().map(|(edge, _)| edge.len()).max() else { return };
    // Writing to a string succeeds.
    let _ = writeln!(text, "  {}", name.display());
    for (edge, imports) in edges {
        let _ = writeln!(text, "    {edge:<width$}  {}", describe(imports));
    }
}

fn describe_circle(name: &Path, folder: &Folder, circle: &Circle) -> String {
    let entries =
        circle.iter().map(|(from, _)| from.as_str()).chain(circle.first().map(|edge| &*edge.0));
    let mut text = format!("{}: {}\n", name.display(), entries.collect::<Vec<_>>().join(" -> "));
    for edge in circle {
        let _ = writeln!(text, "    {}", describe(&folder.edges[edge]));
    }
    text
}

/// The first import, and the number of others.
fn describe(imports: &[Import]) -> String {
    let [first, others @ ..] = imports else { return String::new() };
    let Import { file, line, path, .. } = first;
    let more = match others.len() {
        0 => String::new(),
        count => format!(", and {count} more"),
    };
    format!("{}:{line} {path}{more}", file.display())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Checks a package of these files, with a library, a program, or both.
    fn check(files: &[(&str, &str)]) -> Checked {
        let files: HashMap<PathBuf, &str> =
            files.iter().map(|(name, text)| (Path::new("shop/src").join(name), *text)).collect();
        let roots = [("lib.rs", Some("shop")), ("main.rs", None)].map(|(name, library)| {
            let library_name = library.map(str::to_owned);
            Root { file: Path::new("shop/src").join(name), library_name }
        });
        let roots = roots.into_iter().filter(|root| files.contains_key(&root.file)).collect();
        let package = Package { folder: "shop".into(), roots };
        package.check(|file| files.get(file).map(|text| (*text).to_owned())).unwrap()
    }

    fn layers(files: &[(&str, &str)]) -> String {
        let Checked { layers, circles, .. } = check(files);
        assert_eq!(circles, Vec::<String>::new());
        layers
    }

    #[test]
    fn each_layer_uses_only_those_below() {
        let files = [
            ("lib.rs", "pub mod till; mod clock; mod goods;"),
            ("till.rs", "use crate::{clock::Clock, goods::{self, Apple}};"),
            ("goods.rs", "pub struct Apple;"),
            ("clock.rs", "pub struct Clock;"),
            ("main.rs", "fn main() { shop::till::open(); }"),
        ];
        assert_eq!(layers(&files), "shop: lib, main > till > clock, goods");
    }

    #[test]
    fn a_circle_names_the_imports_that_close_it() {
        let files = [
            ("lib.rs", "mod till;\nmod goods;"),
            ("till.rs", "use std::fmt;\n\nuse crate::goods::Apple;"),
            ("goods.rs", "pub struct Apple;\nimpl Apple {\n    fn f() { super::till::ring() }\n}"),
        ];
        let checked = check(&files);
        assert_eq!(checked.layers, "shop: (1 circle)");
        assert_eq!(
            checked.circles,
            ["shop/src: goods -> till -> goods\n    \
              shop/src/goods.rs:3 super::till::ring\n    \
              shop/src/till.rs:3 crate::goods::Apple\n"]
        );
    }

    #[test]
    fn a_folder_is_one_entry_from_outside_and_several_inside() {
        let files = [
            ("lib.rs", "mod goods; mod till;"),
            ("till.rs", "use crate::goods::apples::Apple;"),
            ("goods/mod.rs", "pub mod apples; mod pears;\npub const TREES: u8 = 2;"),
            ("goods/apples.rs", "pub struct Apple; use super::pears::Pear;"),
            ("goods/pears.rs", "pub struct Pear; fn f() { crate::goods::apples::grow() }"),
        ];
        let circles = check(&files).circles;
        assert_eq!(circles.len(), 1, "{circles:?}");
        assert!(
            circles[0].starts_with("shop/src/goods: apples -> pears -> apples\n"),
            "{circles:?}"
        );
    }

    #[test]
    fn a_name_from_inside_a_folder_is_imported_from_where_it_is_defined() {
        let reexport = "mod pears; mod apples; pub(crate) use apples::Apple;";
        let files = [
            ("lib.rs", "mod goods; pub use goods::Apple;"),
            ("goods/mod.rs", reexport),
            ("goods/apples.rs", "pub struct Apple;"),
            ("goods/pears.rs", "use super::Apple;"),
        ];
        let graph = check(&files).graph;
        assert!(
            graph.contains("pears -> apples  shop/src/goods/pears.rs:1 super::Apple"),
            "{graph}"
        );
        assert!(!graph.contains("-> mod"), "{graph}");
        // Using a name counts as importing it, even if it is re-exported as well.
        assert!(!graph.contains("mod ->"), "{graph}");
        let uses_it = format!("{reexport} fn f(apple: Apple) {{}}");
        let files = files.map(|(name, text)| match name {
            "goods/mod.rs" => (name, uses_it.as_str()),
            _ => (name, text),
        });
        let graph = check(&files).graph;
        assert!(graph.contains("mod -> apples"), "{graph}");
    }

    #[test]
    fn a_name_that_a_folder_passes_on_is_imported_from_the_folder() {
        let files = [
            ("lib.rs", "mod goods; mod till; mod trees;"),
            ("goods.rs", "pub use crate::trees::Tree; pub use orchard as gardens;"),
            ("till.rs", "use crate::goods::{Tree, gardens::Bed};"),
            ("trees.rs", "pub struct Tree;"),
        ];
        assert_eq!(layers(&files), "shop: lib > till > goods > trees");
    }

    #[test]
    fn paths_in_code_and_in_macros_count() {
        let uses = [
            "fn f() { crate::goods::Apple::grow() }",
            "fn f() { println!(\"{}\", crate::goods::COUNT) }",
            "fn f() { view! { <p>{super::goods::name()}</p> } }",
            "use super::goods; fn f() { goods::grow() }",
            "use super::goods as fruit; fn f() -> fruit::Apple { todo!() }",
            "use crate::*; fn f() -> goods::Apple { todo!() }",
            "#[derive(crate::goods::Grow)] struct Pear;",
            "macro_rules! grow { () => { $crate::goods::grow() } }",
            "use self::inner::Pear; mod inner { use super::super::goods::Apple; }",
            "use crate::goods::*;",
            "use crate::goods::Grow as _;",
        ];
        for used in uses {
            let files = [
                ("lib.rs", "mod goods; mod till;"),
                ("goods.rs", "pub struct Apple;"),
                ("till.rs", used),
            ];
            let graph = check(&files).graph;
            assert!(graph.contains("till -> goods"), "{used}: {graph}");
        }
    }

    #[test]
    fn comments_tests_and_other_packages_do_not_count() {
        let files = [
            ("lib.rs", "mod goods; mod till;"),
            ("goods.rs", "use crate::till::Bag;"),
            (
                "till.rs",
                "//! See [`crate::goods`].\n\
                 /// Holds [Apple](crate::goods::Apple)s.\n\
                 pub(in crate::till) struct Bag; // crate::goods::Apple\n\
                 use goods_of_others::goods;\n\
                 fn f(goods: Bag) -> &'static str { goods.till(::goods::f()); \"crate::goods\" }\n\
                 #[cfg(test)]\n\
                 use crate::goods::Pear;\n\
                 #[cfg(test)]\n\
                 mod tests { use crate::goods::Apple; fn f() { super::super::goods::grow() } }",
            ),
        ];
        assert_eq!(layers(&files), "shop: lib > goods > till");
    }

    #[test]
    fn names_of_a_reexported_glob_count_where_they_are_used() {
        let files = [
            ("lib.rs", "mod goods;"),
            ("goods/mod.rs", "mod apples; pub use apples::*; fn f() -> Apple { todo!() }"),
            ("goods/apples.rs", "pub struct Apple;"),
        ];
        let graph = check(&files).graph;
        assert!(graph.contains("mod -> apples"), "{graph}");
    }

    #[test]
    fn the_root_is_above_everything() {
        let files = [("lib.rs", "mod goods;\npub struct Shop;"), ("goods.rs", "use crate::Shop;")];
        assert_eq!(
            check(&files).circles,
            ["shop/src: goods -> lib -> goods\n    \
              shop/src/goods.rs:1 crate::Shop\n    \
              shop/src/lib.rs:1 mod goods\n"]
        );
    }
}
